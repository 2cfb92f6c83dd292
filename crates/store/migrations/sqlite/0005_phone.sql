-- Trunks are the operator's, prompts an account's. fields is the text of a trunk's fields, one
-- "Name value" a line; audio is G.711 A-law at 8000 Hz without a head.

CREATE TABLE trunk (
    name            TEXT PRIMARY KEY,
    fields          TEXT NOT NULL,
    outbound_secret BLOB,               -- sealed, place: "trunk NAME outbound"
    inbound_secret  BLOB,               -- sealed, place: "trunk NAME inbound"
    created_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE prompt (
    account    INTEGER NOT NULL,
    code       TEXT NOT NULL,
    audio      BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account, code)
) STRICT;

ALTER TABLE account ADD COLUMN calls_max INTEGER;
ALTER TABLE account ADD COLUMN talk_s_max INTEGER;
