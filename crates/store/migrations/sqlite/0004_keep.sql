-- Recordings, and risk control. Real numbers are sealed or keyed digests, as everywhere.

-- A recording, ready or failed. Its files are path.wav, path-left.wav, path-right.wav and, if it
-- was transcribed, path.txt, in the object store; key_id names the key they are encrypted with.
CREATE TABLE recording (
    seq              INTEGER PRIMARY KEY,
    call_id          TEXT NOT NULL UNIQUE,
    account          INTEGER NOT NULL,
    at               INTEGER NOT NULL,
    failed           TEXT,              -- why there is none
    path             TEXT NOT NULL,
    key_id           INTEGER,
    mixed_bytes      INTEGER NOT NULL,
    left_bytes       INTEGER NOT NULL,
    right_bytes      INTEGER NOT NULL,
    duration_ms      INTEGER NOT NULL,
    transcript       INTEGER NOT NULL,  -- 0 none, 1 wanted, 2 ready, 3 failed
    transcript_bytes INTEGER NOT NULL,
    transcript_tries INTEGER NOT NULL,
    taken_until      INTEGER NOT NULL   -- by whoever transcribes it
) STRICT;
CREATE INDEX recording_by_age ON recording (at);
CREATE INDEX recording_to_transcribe ON recording (taken_until) WHERE transcript = 1;

-- Who may not be bound or called. One entry that has not ended for each (party, restriction).
CREATE TABLE risk_entry (
    seq              INTEGER PRIMARY KEY,
    id               INTEGER NOT NULL UNIQUE,
    account          INTEGER NOT NULL,
    party_key        BLOB NOT NULL,
    sealed           BLOB NOT NULL,     -- the digits, place: the id
    restriction      INTEGER NOT NULL,
    freeze_time      INTEGER NOT NULL,
    service_type     INTEGER NOT NULL,
    sub_service_type INTEGER NOT NULL,
    remark           TEXT NOT NULL,
    made_by          TEXT NOT NULL,
    started_at       INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    ended_at         INTEGER
) STRICT;
CREATE UNIQUE INDEX risk_entry_standing ON risk_entry (account, party_key, restriction)
    WHERE ended_at IS NULL;
CREATE INDEX risk_entry_expiry ON risk_entry (expires_at) WHERE ended_at IS NULL;
CREATE INDEX risk_entry_ended ON risk_entry (ended_at) WHERE ended_at IS NOT NULL;

-- The frequency windows of an account, in the order in which they were given.
CREATE TABLE risk_window (
    account   INTEGER NOT NULL,
    place     INTEGER NOT NULL,
    counted   INTEGER NOT NULL,
    minutes   INTEGER NOT NULL,
    calls_max INTEGER NOT NULL,
    PRIMARY KEY (account, place)
) STRICT, WITHOUT ROWID;

-- When a party's latest calls were: moments of eight bytes, newest first.
CREATE TABLE risk_calls (
    account   INTEGER NOT NULL,
    counted   INTEGER NOT NULL,
    party_key BLOB NOT NULL,
    recent    BLOB NOT NULL,
    latest_at INTEGER NOT NULL,
    PRIMARY KEY (account, counted, party_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX risk_calls_by_age ON risk_calls (latest_at);
