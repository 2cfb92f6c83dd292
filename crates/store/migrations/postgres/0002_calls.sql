-- What calls leave. The numbers of a call are sealed with the key of the month it began in (China's
-- months), which stands in call_key, sealed itself; a month is destroyed by destroying its key.
--
-- How tables distribute: call_key is a directory that every node copies; the others have the
-- account as the first part of every key. A step of a call names only the call's id, which is
-- random enough to stand for one call: call_by_id finds it in whichever account it is.

CREATE TABLE call_key (
    month integer PRIMARY KEY,
    sealed bytea NOT NULL
);

-- The numbers are sealed at the place of their id: caller, callee, A, B.
CREATE TABLE call (
    account bigint NOT NULL,
    id text COLLATE "C" NOT NULL,
    pool bigint NOT NULL,
    kind smallint NOT NULL,
    x bigint NOT NULL,
    x_city smallint NOT NULL,
    sub_id text COLLATE "C",
    month integer NOT NULL,
    sealed bytea NOT NULL,
    direction smallint NOT NULL,
    display smallint,
    record boolean NOT NULL,
    trunk text NOT NULL,
    node text NOT NULL,
    user_data text,
    out_id text,
    begun_at bigint NOT NULL,
    ringing_at bigint,
    answered_at bigint,
    ended_at bigint,
    result smallint,
    released_by smallint,
    verify_voice text,
    verify_correct text,
    verify_answer text,
    verify_passed boolean,
    PRIMARY KEY (account, id)
) WITH (fillfactor = 80);
CREATE INDEX call_by_id ON call (id);
CREATE INDEX call_by_time ON call (account, begun_at, id);
CREATE INDEX call_by_binding ON call (account, sub_id, begun_at) WHERE sub_id IS NOT NULL;
CREATE INDEX call_open ON call (begun_at) WHERE ended_at IS NULL;

-- Which calls a real number was part of, by a digest under the month's key.
CREATE TABLE call_party (
    account bigint NOT NULL,
    month integer NOT NULL,
    tag bytea NOT NULL,
    id text COLLATE "C" NOT NULL,
    PRIMARY KEY (account, month, tag, id)
);

-- Bindings by their end, for the sweep that drops what retention gives up.
CREATE INDEX binding_by_end ON binding (account, (coalesce(ended_at, expires_at))) WHERE NOT counted;
