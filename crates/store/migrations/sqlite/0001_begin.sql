-- Times are milliseconds since 1970-01-01 00:00:00 UTC. A privacy number (x) is the integer form
-- 10^length + digits, in clear; real numbers are only ever sealed, or keyed digests (a_key, b_key).

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
    id                    INTEGER PRIMARY KEY,
    name                  TEXT NOT NULL,
    may_show_real_numbers INTEGER NOT NULL,
    live_bindings_max     INTEGER,
    numbers_max           INTEGER,
    pools_max             INTEGER,
    created_at            INTEGER NOT NULL
) STRICT;

CREATE TABLE access_key (
    id          TEXT PRIMARY KEY,
    secret      BLOB NOT NULL,          -- sealed, place: the id
    account     INTEGER NOT NULL,
    role        TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    disabled_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE pool (
    pool_no                 INTEGER PRIMARY KEY,
    account                 INTEGER NOT NULL,
    name                    TEXT NOT NULL,
    kind                    INTEGER NOT NULL,
    scene                   TEXT,
    policy                  TEXT NOT NULL,
    city_fallback           TEXT NOT NULL,
    quarantine_ms           INTEGER NOT NULL,
    quarantine_min_ms       INTEGER NOT NULL,
    bindings_per_number_max INTEGER NOT NULL,
    created_at              INTEGER NOT NULL
) STRICT;

-- place is the order of import, which selection keeps.
CREATE TABLE number (
    place       INTEGER PRIMARY KEY,
    x           INTEGER NOT NULL UNIQUE,
    pool        INTEGER NOT NULL,
    city        INTEGER,
    landline    INTEGER NOT NULL,
    state       INTEGER NOT NULL,
    imported_at INTEGER NOT NULL
) STRICT;
CREATE INDEX number_pool ON number (pool);

-- One row for each binding, appended. seq is the order of claims; a binding whose routes were
-- claimed anew has its new place in claim, and its earlier self in former. Indexes by party or X
-- would cost the writer ten times the row: listings scan instead.
CREATE TABLE binding (
    seq           INTEGER PRIMARY KEY,
    claim         INTEGER,
    sub_id        TEXT NOT NULL UNIQUE,
    account       INTEGER NOT NULL,
    pool          INTEGER NOT NULL,
    x             INTEGER NOT NULL,
    x_city        INTEGER,
    a_key         BLOB NOT NULL,
    b_key         BLOB,
    sealed        BLOB NOT NULL,        -- the digits of A and B, place: the sub_id
    flags         INTEGER NOT NULL,     -- bits 0-2 CallDisplayType, 3 record, 4 verify, 5 exclusive
    expires_at    INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    out_id        TEXT,
    user_data     TEXT,
    voice_code    TEXT,
    order_id      TEXT,
    industrial_id TEXT
) STRICT;
CREATE INDEX binding_claim ON binding (claim) WHERE claim IS NOT NULL;

-- Bindings that were unbound or upgraded; expiry writes nothing.
CREATE TABLE ended (
    seq INTEGER PRIMARY KEY,            -- of the binding
    at  INTEGER NOT NULL
) STRICT;

-- Bindings as they stood before each update. Those that gave routes up (released = 1) keep their
-- quarantine; the first of a binding is what its bind answered.
CREATE TABLE former (
    no            INTEGER PRIMARY KEY,
    seq           INTEGER NOT NULL,     -- of the binding
    claim         INTEGER,
    released      INTEGER NOT NULL,
    replaced_at   INTEGER NOT NULL,
    pool          INTEGER NOT NULL,
    x             INTEGER NOT NULL,
    x_city        INTEGER,
    a_key         BLOB NOT NULL,
    b_key         BLOB,
    sealed        BLOB NOT NULL,
    flags         INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    out_id        TEXT,
    user_data     TEXT,
    voice_code    TEXT,
    order_id      TEXT,
    industrial_id TEXT
) STRICT;
CREATE INDEX former_seq ON former (seq);

CREATE TABLE idempotency (
    account     INTEGER NOT NULL,
    action      TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    seq         INTEGER NOT NULL,       -- of the binding that was answered
    at          INTEGER NOT NULL,
    PRIMARY KEY (account, action, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_at ON idempotency (at);

CREATE TABLE outbox (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    topic   TEXT NOT NULL,
    subject TEXT NOT NULL,
    at      INTEGER NOT NULL
) STRICT;
