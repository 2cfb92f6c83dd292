-- Limits of calls at once hold over all nodes. A call takes its place while it is marked, has no
-- end and its node is alive; a node says that it is again and again, by the clock of the database.
-- out_trunk is the trunk that the callee's leg is on, where that trunk has a limit. voice_node is a
-- directory that every node copies.

ALTER TABLE call ADD COLUMN takes_place boolean NOT NULL DEFAULT false;
ALTER TABLE call ADD COLUMN out_trunk text;
CREATE INDEX call_place_x ON call (account, x) WHERE takes_place AND ended_at IS NULL;
CREATE INDEX call_place_trunk ON call (trunk) WHERE takes_place AND ended_at IS NULL;
CREATE INDEX call_place_out ON call (out_trunk)
    WHERE takes_place AND ended_at IS NULL AND out_trunk IS NOT NULL;

CREATE TABLE voice_node (
    node text COLLATE "C" PRIMARY KEY,
    alive_until bigint NOT NULL
);
