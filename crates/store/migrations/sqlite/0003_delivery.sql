-- Receivers of events, and what is owed to them.

CREATE TABLE receiver (
    id         INTEGER PRIMARY KEY,
    account    INTEGER NOT NULL,
    url        TEXT NOT NULL,
    kinds      INTEGER NOT NULL,        -- bits of EventKind
    token      BLOB NOT NULL,           -- sealed, place: the id
    ca_pem     TEXT,
    paused     INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX receiver_account ON receiver (account);

-- Events up to here have become deliveries.
CREATE TABLE delivery_cursor (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    last INTEGER NOT NULL
) STRICT;
INSERT INTO delivery_cursor (one, last) VALUES (1, 0);

-- One row for each event and receiver. state: 0 waits for an earlier one of its subject, 1 due,
-- 2 delivered, 3 parked, 4 stale. While holder is not 0 somebody sends it, and next_at is the end
-- of that lease; else next_at is its next try, or when it was finished.
CREATE TABLE delivery (
    receiver  INTEGER NOT NULL,
    event     INTEGER NOT NULL,         -- id in the outbox
    account   INTEGER NOT NULL,
    topic     TEXT NOT NULL,
    subject   TEXT NOT NULL,
    at        INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    state     INTEGER NOT NULL,
    next_at   INTEGER NOT NULL,
    holder    INTEGER NOT NULL,
    failures  INTEGER NOT NULL,
    status    INTEGER,
    note      TEXT,
    PRIMARY KEY (receiver, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_due ON delivery (receiver, next_at, event) WHERE state = 1;
CREATE INDEX delivery_order ON delivery (receiver, subject, event) WHERE state < 2;
CREATE INDEX delivery_age ON delivery (queued_at) WHERE state < 2;
CREATE INDEX delivery_parked ON delivery (account, event) WHERE state = 3;
