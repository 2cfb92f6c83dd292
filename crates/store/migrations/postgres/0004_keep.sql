-- Recordings, and risk control. Real numbers are sealed or keyed digests, as everywhere.

-- A recording, ready or failed. Its files are path.wav, path-left.wav, path-right.wav and, if it
-- was transcribed, path.txt, in the object store; key_id names the key they are encrypted with.
CREATE TABLE recording (
    account bigint NOT NULL,
    call_id text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    failed text,
    path text NOT NULL,
    key_id smallint,
    mixed_bytes bigint NOT NULL,
    left_bytes bigint NOT NULL,
    right_bytes bigint NOT NULL,
    duration_ms bigint NOT NULL,
    transcript smallint NOT NULL,
    transcript_bytes bigint NOT NULL,
    transcript_tries integer NOT NULL,
    taken_until bigint NOT NULL,
    PRIMARY KEY (account, call_id)
);
CREATE INDEX recording_by_age ON recording (at);
CREATE INDEX recording_to_transcribe ON recording (taken_until) WHERE transcript = 1;

-- Who may not be bound or called. One entry that has not ended for each (party, restriction).
CREATE TABLE risk_entry (
    account bigint NOT NULL,
    id bigint NOT NULL,
    party_key bytea NOT NULL,
    sealed bytea NOT NULL,
    restriction smallint NOT NULL,
    freeze_time smallint NOT NULL,
    service_type integer NOT NULL,
    sub_service_type integer NOT NULL,
    remark text NOT NULL,
    made_by text NOT NULL,
    started_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    ended_at bigint,
    PRIMARY KEY (account, id)
);
CREATE UNIQUE INDEX risk_entry_standing ON risk_entry (account, party_key, restriction)
    WHERE ended_at IS NULL;
CREATE INDEX risk_entry_by_start ON risk_entry (account, started_at);
CREATE INDEX risk_entry_expiry ON risk_entry (expires_at) WHERE ended_at IS NULL;
CREATE INDEX risk_entry_ended ON risk_entry (ended_at) WHERE ended_at IS NOT NULL;

-- The frequency windows of an account, in the order in which they were given.
CREATE TABLE risk_window (
    account bigint NOT NULL,
    place smallint NOT NULL,
    counted smallint NOT NULL,
    minutes integer NOT NULL,
    calls_max integer NOT NULL,
    PRIMARY KEY (account, place)
);

-- When a party's latest calls were: moments of eight bytes, newest first. A row is the lock for
-- what is counted of its party.
CREATE TABLE risk_calls (
    account bigint NOT NULL,
    counted smallint NOT NULL,
    party_key bytea NOT NULL,
    recent bytea NOT NULL,
    latest_at bigint NOT NULL,
    PRIMARY KEY (account, counted, party_key)
);
CREATE INDEX risk_calls_by_age ON risk_calls (latest_at);
