-- Recordings. Audio is kept by the digest of its bytes, the same bytes once, whoever they belong to.

CREATE TABLE sound (
    sha256 bytea PRIMARY KEY,
    alaw bytea NOT NULL,
    samples integer NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT sound_digest_is_sha256 CHECK (octet_length(sha256) = 32),
    CONSTRAINT sound_has_its_samples CHECK (samples > 0 AND samples = octet_length(alaw))
);
ALTER TABLE sound ALTER COLUMN alaw SET STORAGE EXTERNAL; -- A-law hardly compresses

CREATE TABLE recording (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token text NOT NULL UNIQUE,
    account_id bigint NOT NULL REFERENCES account,
    sha256 bytea NOT NULL REFERENCES sound,
    name text NOT NULL,
    container text NOT NULL,
    codec text NOT NULL,
    trimmed_start_samples integer NOT NULL,
    trimmed_end_samples integer NOT NULL,
    gain_tenths_db integer NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX recording_account ON recording (account_id, created_at, token);
CREATE INDEX recording_sound ON recording (sha256);
