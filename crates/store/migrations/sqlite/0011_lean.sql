-- A bind writes one row. The id of a binding is derived from its place, so it needs no index to be
-- found; and the row is its "bound" event as well: events and bindings count on together. Bindings
-- of before have drawn = 1: their ids were drawn at random and are found by the index.

CREATE TABLE binding_lean (
    seq           INTEGER PRIMARY KEY,
    claim         INTEGER,
    sub_id        TEXT NOT NULL,
    account       INTEGER NOT NULL,
    pool          INTEGER NOT NULL,
    x             INTEGER NOT NULL,
    x_city        INTEGER,
    a_key         BLOB NOT NULL,
    b_key         BLOB,
    sealed        BLOB NOT NULL,        -- the digits of A and B; place: a_key and b_key, or the sub_id
    flags         INTEGER NOT NULL,     -- bits 0-2 CallDisplayType, 3 record, 4 verify, 5 exclusive,
                                        -- 6 sealed at a_key and b_key
    expires_at    INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    out_id        TEXT,
    user_data     TEXT,
    voice_code    TEXT,
    order_id      TEXT,
    industrial_id TEXT,
    drawn         INTEGER
) STRICT;
INSERT INTO binding_lean SELECT seq, claim, sub_id, account, pool, x, x_city, a_key, b_key, sealed,
    flags, expires_at, created_at, out_id, user_data, voice_code, order_id, industrial_id, 1
    FROM binding ORDER BY seq;
DROP TABLE binding;
ALTER TABLE binding_lean RENAME TO binding;
CREATE INDEX binding_claim ON binding (claim) WHERE claim IS NOT NULL;
CREATE UNIQUE INDEX binding_drawn_id ON binding (sub_id) WHERE drawn = 1;

-- Bindings after this place are their own event; up to it the event stands in the outbox, or is
-- older than what is kept.
ALTER TABLE delivery_cursor ADD COLUMN bound_after INTEGER NOT NULL DEFAULT 0;
UPDATE delivery_cursor SET bound_after = max(last,
    coalesce((SELECT max(seq) FROM binding), 0),
    coalesce((SELECT max(claim) FROM binding WHERE claim IS NOT NULL), 0),
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0));

CREATE VIEW event AS
    SELECT id, account, topic, subject, at FROM outbox
    UNION ALL
    SELECT seq, account, 'binding.bound', sub_id, created_at FROM binding
        WHERE seq > (SELECT bound_after FROM delivery_cursor);
