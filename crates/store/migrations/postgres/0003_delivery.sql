-- Receivers of events, and what is owed to them. delivery_cursor is a directory that every node
-- copies; the other tables have the account as the first part of every key.

CREATE TABLE receiver (
    account bigint NOT NULL,
    id bigint NOT NULL,
    url text NOT NULL,
    kinds smallint NOT NULL,
    sealed_token bytea NOT NULL,
    ca_pem text,
    paused boolean NOT NULL,
    created_at bigint NOT NULL,
    changed_at bigint NOT NULL,
    PRIMARY KEY (account, id)
);

-- Events up to here have become deliveries.
CREATE TABLE delivery_cursor (
    one boolean PRIMARY KEY CHECK (one),
    last bigint NOT NULL
);
INSERT INTO delivery_cursor (one, last) VALUES (true, 0);

-- One row for each event and receiver. state: 0 waits for an earlier one of its subject, 1 due,
-- 2 delivered, 3 parked, 4 stale. While holder is not 0 a node sends it, and next_at is the end of
-- that lease; else next_at is its next try, or when it was finished.
CREATE TABLE delivery (
    account bigint NOT NULL,
    receiver bigint NOT NULL,
    event bigint NOT NULL,
    topic text NOT NULL,
    subject text NOT NULL,
    at bigint NOT NULL,
    queued_at bigint NOT NULL,
    state smallint NOT NULL,
    next_at bigint NOT NULL,
    holder bigint NOT NULL,
    failures integer NOT NULL,
    status smallint,
    note text,
    PRIMARY KEY (account, receiver, event)
) WITH (fillfactor = 80);
CREATE INDEX delivery_due ON delivery (account, receiver, next_at, event) WHERE state = 1;
CREATE INDEX delivery_order ON delivery (account, receiver, subject, event) WHERE state < 2;
CREATE INDEX delivery_age ON delivery (queued_at) WHERE state < 2;
CREATE INDEX delivery_parked ON delivery (account, event) WHERE state = 3;
