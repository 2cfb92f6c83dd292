-- When the events of each thousand ids were, so that looking for a time reads the ids of that time
-- alone and no other index is written with each event. Kept for events that have become deliveries
-- (id at most delivery_cursor.last); those after are few. Book-keeping like outbox.
CREATE TABLE event_span (
    span bigint PRIMARY KEY,
    least_at bigint NOT NULL,
    greatest_at bigint NOT NULL
);
INSERT INTO event_span (span, least_at, greatest_at)
    SELECT id / 1000, min(at), max(at) FROM outbox
    WHERE id <= (SELECT last FROM delivery_cursor) GROUP BY id / 1000;
