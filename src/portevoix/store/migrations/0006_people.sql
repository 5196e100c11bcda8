-- Who uses the console: people, their sessions, links that let them in once, and what they did.

CREATE TABLE person (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    public_id text NOT NULL UNIQUE,
    email text NOT NULL,
    role text NOT NULL,
    account text,
    language text,
    password_hash text,
    totp_generation integer NOT NULL DEFAULT 0,
    is_totp_on boolean NOT NULL DEFAULT false,
    totp_counter bigint NOT NULL DEFAULT 0,
    is_disabled boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    CONSTRAINT person_role_known CHECK (role IN ('operator', 'manager', 'viewer')),
    CONSTRAINT person_has_an_account_or_all CHECK ((role = 'operator') = (account IS NULL))
);
CREATE UNIQUE INDEX person_email ON person (lower(email));
CREATE INDEX person_account ON person (account) WHERE account IS NOT NULL;

-- The token in the cookie is replaced now and then; the one before is good for a moment longer, since requests that
-- are under way bear it.
CREATE TABLE session (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id bigint NOT NULL REFERENCES person,
    digest bytea NOT NULL UNIQUE,
    previous_digest bytea UNIQUE,
    salt bytea NOT NULL,
    created_at timestamptz NOT NULL,
    rotated_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    CONSTRAINT session_digest_is_sha256 CHECK (octet_length(digest) = 32)
) WITH (fillfactor = 80);
CREATE INDEX session_person ON session (person_id);

CREATE TABLE invitation (
    digest bytea PRIMARY KEY,
    person_id bigint NOT NULL REFERENCES person,
    expires_at timestamptz NOT NULL
);
CREATE INDEX invitation_person ON invitation (person_id);

-- What was done in the console. Begun before it is done, so that nothing is done unseen.
CREATE TABLE deed (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    person_id bigint REFERENCES person,
    who text NOT NULL,
    account text,
    mode text,
    action text NOT NULL,
    subject text NOT NULL,
    address text,
    outcome text
);
CREATE INDEX deed_account ON deed (account, id);

-- What a day cost, for the chart of spending, from the index alone.
CREATE INDEX transfer_spending ON transfer (account_id, at) INCLUDE (kind, amount_micros) WHERE kind IN ('settle', 'refund');
