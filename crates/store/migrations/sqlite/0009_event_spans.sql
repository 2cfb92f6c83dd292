-- When the events of each thousand ids were, so that looking for a time reads the ids of that time
-- alone and binding pays for no index. Kept for events that have become deliveries (id at most
-- delivery_cursor.last); those after are few.
CREATE TABLE event_span (
    span        INTEGER PRIMARY KEY,    -- id / 1000
    least_at    INTEGER NOT NULL,
    greatest_at INTEGER NOT NULL
) STRICT;
INSERT INTO event_span (span, least_at, greatest_at)
    SELECT id / 1000, min(at), max(at) FROM outbox
    WHERE id <= (SELECT last FROM delivery_cursor) GROUP BY id / 1000;
