-- Trunks are the operator's, prompts an account's. fields is the text of a trunk's fields, one
-- "Name value" a line; audio is G.711 A-law at 8000 Hz without a head. Should the engine be a
-- distributed one, trunk is a directory that every node copies.

CREATE TABLE trunk (
    name text COLLATE "C" PRIMARY KEY,
    fields text NOT NULL,
    outbound_secret bytea,
    inbound_secret bytea,
    created_at bigint NOT NULL
);

CREATE TABLE prompt (
    account bigint NOT NULL,
    code text COLLATE "C" NOT NULL,
    audio bytea NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (account, code)
);

ALTER TABLE account ADD COLUMN calls_max bigint;
ALTER TABLE account ADD COLUMN talk_s_max bigint;
