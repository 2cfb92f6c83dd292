-- Everything the PostgreSQL backend keeps.
--
-- Moments are Unix milliseconds. Numbers (x) are the packed form of a phone number, cities the
-- packed form of an area code; city 0 is "no city" in number and "the whole pool" in number_list
-- and number_place. Texts that clients write are escaped so that they hold no zero character.
--
-- How tables distribute, should the engine be a distributed one: account, access_key, pool_owner,
-- number_owner, outbox, outbox_end and schema_migration are directories and book-keeping that
-- every node copies (or one node keeps); all other tables have the account as the first part of
-- every key, and no transaction on bindings touches two accounts.

CREATE TABLE account (
    account bigint PRIMARY KEY,
    name text NOT NULL,
    may_show_real_numbers boolean NOT NULL,
    live_bindings_max bigint,
    numbers_max bigint,
    pools_max bigint,
    created_at bigint NOT NULL
);

CREATE TABLE access_key (
    id text COLLATE "C" PRIMARY KEY,
    account bigint NOT NULL,
    sealed_secret bytea NOT NULL,
    role text NOT NULL,
    description text NOT NULL,
    created_at bigint NOT NULL,
    disabled_at bigint
);

-- Which account a pool is of: pool numbers are unique over all accounts.
CREATE TABLE pool_owner (
    pool bigint PRIMARY KEY,
    account bigint NOT NULL
);

-- Which account and pool a number is of. A row never changes and never goes.
CREATE TABLE number_owner (
    x bigint PRIMARY KEY,
    account bigint NOT NULL,
    pool bigint NOT NULL
);

CREATE TABLE pool (
    account bigint NOT NULL,
    pool bigint NOT NULL,
    name text NOT NULL,
    kind smallint NOT NULL,
    scene text,
    policy text NOT NULL,
    city_fallback text NOT NULL,
    quarantine_ms bigint NOT NULL,
    quarantine_min_ms bigint NOT NULL,
    bindings_per_number_max bigint NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (account, pool)
);

-- A number X. Its row is the lock for everything that claims or releases its routes. The four
-- counts include bindings that expired but were not swept yet; settle_at is no later than the
-- earliest moment at which one of those counted expires, so before it the counts are exact.
CREATE TABLE number (
    account bigint NOT NULL,
    x bigint NOT NULL,
    pool bigint NOT NULL,
    city smallint NOT NULL,
    landline boolean NOT NULL,
    state smallint NOT NULL,
    imported_at bigint NOT NULL,
    pool_ord bigint NOT NULL,
    city_ord bigint NOT NULL,
    ax integer NOT NULL,
    axb integer NOT NULL,
    ax_exclusive integer NOT NULL,
    axb_exclusive integer NOT NULL,
    settle_at bigint NOT NULL,
    PRIMARY KEY (account, x)
) WITH (fillfactor = 70);
CREATE INDEX number_of_pool ON number (account, pool, x);
CREATE INDEX number_to_settle ON number (account, settle_at);

-- The lists that candidates are drawn from, in import order: how many places a list has, and who
-- stands where. A deregistered number leaves a hole.
CREATE TABLE number_list (
    account bigint NOT NULL,
    pool bigint NOT NULL,
    city smallint NOT NULL,
    length bigint NOT NULL,
    PRIMARY KEY (account, pool, city)
);
CREATE TABLE number_place (
    account bigint NOT NULL,
    pool bigint NOT NULL,
    city smallint NOT NULL,
    ord bigint NOT NULL,
    x bigint NOT NULL,
    PRIMARY KEY (account, pool, city, ord)
);

-- Who a call to (x, selector) reaches, or last reached. The key is the rule "one owner".
CREATE TABLE route (
    account bigint NOT NULL,
    selector bytea NOT NULL,
    x bigint NOT NULL,
    callee bytea NOT NULL,
    sub_id text COLLATE "C" NOT NULL,
    live_until bigint NOT NULL,
    PRIMARY KEY (account, selector, x)
) WITH (fillfactor = 85);

CREATE SEQUENCE binding_claim;

-- A binding, live or ended. a_key and b_key are blind indexes of the parties (b_key empty without
-- B), sealed holds their digits. counted: the counts of its number include it; its expiry is
-- announced in the transaction that makes it false.
CREATE TABLE binding (
    account bigint NOT NULL,
    sub_id text COLLATE "C" NOT NULL,
    pool bigint NOT NULL,
    x bigint NOT NULL,
    x_city smallint NOT NULL,
    a_key bytea NOT NULL,
    b_key bytea NOT NULL,
    sealed bytea NOT NULL,
    any_caller boolean NOT NULL,
    exclusive boolean NOT NULL,
    display smallint NOT NULL,
    record boolean NOT NULL,
    verify boolean NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    ended_at bigint,
    counted boolean NOT NULL,
    claim_no bigint NOT NULL DEFAULT nextval('binding_claim'),
    user_data text,
    out_id text,
    voice_code text,
    order_id text,
    industrial_id text,
    PRIMARY KEY (account, sub_id)
) WITH (fillfactor = 90);
CREATE INDEX binding_of_pair ON binding (account, a_key, b_key, claim_no);
CREATE INDEX binding_of_b ON binding (account, b_key) WHERE b_key <> '';
CREATE INDEX binding_of_number ON binding (account, x, counted, expires_at);
CREATE INDEX binding_of_out_id ON binding (account, out_id) WHERE out_id IS NOT NULL;

CREATE TABLE idempotency (
    account bigint NOT NULL,
    action text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    fingerprint bytea NOT NULL,
    answer bytea NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (account, action, key)
);
CREATE INDEX idempotency_by_age ON idempotency (account, at);

-- Events as their transactions write them. Sequence numbers do not grow in the order of commits,
-- so a reader cannot follow them; whoever reads moves what stands here into outbox first, giving
-- out positions under the lock of outbox_end.
CREATE TABLE outbox_entry (
    account bigint NOT NULL,
    seq bigserial NOT NULL,
    topic text NOT NULL,
    subject text NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (account, seq)
);
CREATE TABLE outbox (
    id bigint PRIMARY KEY,
    account bigint NOT NULL,
    topic text NOT NULL,
    subject text NOT NULL,
    at bigint NOT NULL
);
CREATE TABLE outbox_end (
    one boolean PRIMARY KEY CHECK (one),
    last bigint NOT NULL
);
INSERT INTO outbox_end (one, last) VALUES (true, 0);
