-- What calls leave. The numbers of a call are sealed with the key of the month it began in (China's
-- months), which stands in call_key, sealed itself; a month is destroyed by destroying its key.

CREATE TABLE call_key (
    month  INTEGER PRIMARY KEY,         -- such as 202611
    sealed BLOB NOT NULL
) STRICT;

-- no is the order of arrival. The numbers are sealed at the place of their id: caller, callee, A, B.
CREATE TABLE call (
    no             INTEGER PRIMARY KEY,
    id             TEXT NOT NULL UNIQUE,
    account        INTEGER NOT NULL,
    pool           INTEGER NOT NULL,
    kind           INTEGER NOT NULL,
    x              INTEGER NOT NULL,
    x_city         INTEGER,
    sub_id         TEXT,
    month          INTEGER NOT NULL,
    sealed         BLOB NOT NULL,
    direction      INTEGER NOT NULL,
    display        INTEGER,
    record         INTEGER NOT NULL,
    trunk          TEXT NOT NULL,
    node           TEXT NOT NULL,
    user_data      TEXT,
    out_id         TEXT,
    begun_at       INTEGER NOT NULL,
    ringing_at     INTEGER,
    answered_at    INTEGER,
    ended_at       INTEGER,
    result         INTEGER,
    released_by    INTEGER,
    verify_voice   TEXT,
    verify_correct TEXT,
    verify_answer  TEXT,
    verify_passed  INTEGER
) STRICT;
CREATE INDEX call_by_time ON call (account, begun_at);
CREATE INDEX call_by_binding ON call (sub_id, begun_at) WHERE sub_id IS NOT NULL;
CREATE INDEX call_open ON call (begun_at) WHERE ended_at IS NULL;

-- Which calls a real number was part of, by a digest under the month's key.
CREATE TABLE call_party (
    month INTEGER NOT NULL,
    tag   BLOB NOT NULL,
    no    INTEGER NOT NULL,
    PRIMARY KEY (month, tag, no)
) STRICT, WITHOUT ROWID;
