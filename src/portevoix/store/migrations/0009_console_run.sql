-- What callers of the API sent and were told, for their developers; tariff files that wait for the operator's yes.

-- Written in batches, read by account, swept by age; what is secret in it was cut out before. skipped counts those of
-- the account that were not kept since the one before, in the process that kept this one.
CREATE TABLE exchange (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL,
    at timestamptz NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    status smallint NOT NULL,
    duration_us bigint NOT NULL,
    sent text,
    sent_bytes bigint NOT NULL,
    told text,
    told_bytes bigint,
    skipped integer NOT NULL
);
CREATE INDEX exchange_account ON exchange (account_id, id);
CREATE INDEX exchange_age ON exchange (at);

-- effective_from is null for the moment of the yes.
CREATE TABLE tariff_draft (
    id text PRIMARY KEY,
    name text NOT NULL,
    effective_from timestamptz,
    file text NOT NULL,
    created_at timestamptz NOT NULL
);
