-- Accounts, keys, tariffs and the ledger. Money is bigint micro-euros everywhere.
--
-- Two-phase ledger: a transfer is one immutable row whose kind fixes both of its sides; a reserve opens a
-- hold, which is resolved once. What a credit grant still has to give is in credit_grant.remaining_micros,
-- and every micro-euro taken from a grant is a draw, made by a hold or by a debiting transfer.
-- Every command locks its accounts first, by id; what it then reads of them nobody else is changing.

CREATE TABLE instance (
    only_row boolean PRIMARY KEY DEFAULT true,
    pepper_fingerprint bytea NOT NULL,
    CONSTRAINT instance_is_one CHECK (only_row)
);

CREATE TABLE tariff (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    is_default boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    CONSTRAINT tariff_name_says_something CHECK (name <> '')
);
CREATE UNIQUE INDEX tariff_default_is_one ON tariff (is_default) WHERE is_default;

-- A revision never changes once imported, so that a process may keep it in memory for ever.
CREATE TABLE tariff_revision (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tariff_id bigint NOT NULL REFERENCES tariff,
    effective_from timestamptz NOT NULL,
    imported_at timestamptz NOT NULL,
    UNIQUE (tariff_id, effective_from)
);

CREATE TABLE rate (
    revision_id bigint NOT NULL REFERENCES tariff_revision,
    product text NOT NULL,
    prefix text NOT NULL,
    price_micros bigint NOT NULL,
    connection_micros bigint NOT NULL,
    minimum_s integer NOT NULL,
    increment_s integer NOT NULL,
    PRIMARY KEY (revision_id, product, prefix),
    CONSTRAINT rate_product_known CHECK (product IN ('voice_mobile', 'voice_landline', 'deposit')),
    CONSTRAINT rate_prefix_is_digits CHECK (prefix ~ '^[0-9]{1,15}$'),
    CONSTRAINT rate_price_not_negative CHECK (price_micros >= 0),
    CONSTRAINT rate_connection_not_negative CHECK (connection_micros >= 0),
    CONSTRAINT rate_minimum_not_negative CHECK (minimum_s >= 0),
    CONSTRAINT rate_increment_positive CHECK (increment_s > 0)
);

-- One row a ledger: a live account and its sandbox twin share public_id and differ in mode.
-- next_expiry_at is never later than the earliest expiry of a grant that has something left.
CREATE TABLE account (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    public_id text NOT NULL,
    mode text NOT NULL,
    parent_id bigint REFERENCES account,
    tariff_id bigint REFERENCES tariff,
    name text NOT NULL,
    state text NOT NULL DEFAULT 'active',
    available_micros bigint NOT NULL DEFAULT 0,
    held_micros bigint NOT NULL DEFAULT 0,
    low_balance_micros bigint,
    next_expiry_at timestamptz,
    created_at timestamptz NOT NULL,
    UNIQUE (public_id, mode),
    CONSTRAINT account_mode_known CHECK (mode IN ('live', 'sandbox')),
    CONSTRAINT account_state_known CHECK (state IN ('active', 'disabled', 'blocked')),
    CONSTRAINT account_is_not_its_parent CHECK (parent_id <> id),
    CONSTRAINT account_available_not_negative CHECK (available_micros >= 0),
    CONSTRAINT account_held_not_negative CHECK (held_micros >= 0),
    CONSTRAINT account_balance_bounded CHECK (available_micros + held_micros <= 1000000000000000000),
    CONSTRAINT account_low_balance_positive CHECK (low_balance_micros > 0)
) WITH (fillfactor = 50); -- room for heap-only updates of the balance
CREATE INDEX account_parent ON account (parent_id) WHERE parent_id IS NOT NULL;

CREATE TABLE api_key (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    public_id text NOT NULL UNIQUE,
    account_id bigint NOT NULL REFERENCES account,
    digest bytea NOT NULL UNIQUE,
    hint text NOT NULL,
    name text NOT NULL,
    scopes text[] NOT NULL,
    allowed cidr[],
    created_at timestamptz NOT NULL,
    last_used_at timestamptz,
    expires_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT api_key_digest_is_sha256 CHECK (octet_length(digest) = 32),
    CONSTRAINT api_key_scopes_known CHECK (scopes <@ ARRAY['read', 'send', 'manage'] AND cardinality(scopes) > 0)
) WITH (fillfactor = 80);
CREATE INDEX api_key_account ON api_key (account_id);

CREATE TYPE transfer_kind AS ENUM (
    'top_up', 'reserve', 'settle', 'release', 'refund',
    'adjustment_credit', 'adjustment_debit', 'allotment_out', 'allotment_in', 'expiry'
);

-- The tables that every reserve writes to name their parents without foreign keys, whose checks took half of a
-- reserve's time: the statements take those numbers from rows that they have locked, nothing is ever deleted (see
-- below), and the invariant row_has_its_parents of 'ledger check' looks at all of them.
CREATE TABLE hold (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL,
    idempotency_key text NOT NULL,
    amount_micros bigint NOT NULL,
    settled_micros bigint,
    refunded_micros bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    resolved_at timestamptz,
    CONSTRAINT hold_once UNIQUE (account_id, idempotency_key),
    CONSTRAINT hold_amount_positive CHECK (amount_micros > 0),
    CONSTRAINT hold_settles_at_most_itself CHECK (settled_micros BETWEEN 0 AND amount_micros),
    CONSTRAINT hold_refunds_at_most_settled CHECK (refunded_micros BETWEEN 0 AND coalesce(settled_micros, 0)),
    CONSTRAINT hold_resolved_has_its_time CHECK ((settled_micros IS NULL) = (resolved_at IS NULL))
) WITH (fillfactor = 80);

CREATE TABLE transfer (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL,
    kind transfer_kind NOT NULL,
    amount_micros bigint NOT NULL,
    available_after_micros bigint NOT NULL,
    hold_id bigint,
    counterpart_id bigint REFERENCES transfer,
    idempotency_key text,
    reason text,
    at timestamptz NOT NULL,
    CONSTRAINT transfer_amount_positive CHECK (amount_micros > 0),
    CONSTRAINT transfer_available_after_not_negative CHECK (available_after_micros >= 0),
    CONSTRAINT transfer_hold_where_due CHECK ((hold_id IS NOT NULL) = (kind IN ('reserve', 'settle', 'release', 'refund'))),
    CONSTRAINT transfer_counterpart_where_due CHECK ((counterpart_id IS NOT NULL) = (kind = 'allotment_in')),
    CONSTRAINT transfer_adjustment_has_reason CHECK (kind NOT IN ('adjustment_credit', 'adjustment_debit') OR coalesce(reason, '') <> '')
);
CREATE INDEX transfer_account ON transfer (account_id, id);
CREATE UNIQUE INDEX transfer_once ON transfer (account_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
-- A hold is reserved, settled and released at most once each; it may be refunded in parts.
CREATE UNIQUE INDEX transfer_once_a_hold ON transfer (hold_id, kind) WHERE hold_id IS NOT NULL AND kind <> 'refund';
CREATE UNIQUE INDEX transfer_counterpart_once ON transfer (counterpart_id) WHERE counterpart_id IS NOT NULL;

CREATE TABLE credit_grant (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account,
    transfer_id bigint NOT NULL REFERENCES transfer,
    kind text NOT NULL,
    amount_micros bigint NOT NULL,
    remaining_micros bigint NOT NULL,
    is_spendable boolean NOT NULL GENERATED ALWAYS AS (remaining_micros > 0) STORED,
    expires_at timestamptz,
    CONSTRAINT credit_grant_kind_known CHECK (kind IN ('paid', 'promotional')),
    CONSTRAINT credit_grant_amount_positive CHECK (amount_micros > 0),
    CONSTRAINT credit_grant_remaining_in_range CHECK (remaining_micros BETWEEN 0 AND amount_micros)
) WITH (fillfactor = 50);
-- On is_spendable, which seldom changes: were remaining_micros part of an index, no change of it would be heap-only.
CREATE INDEX credit_grant_spendable ON credit_grant (account_id, expires_at, id) WHERE is_spendable;

-- settled_micros is null while the hold is open; a debiting transfer's draw is settled from the start.
CREATE TABLE draw (
    grant_id bigint NOT NULL,
    hold_id bigint,
    transfer_id bigint,
    amount_micros bigint NOT NULL,
    settled_micros bigint,
    CONSTRAINT draw_has_one_maker CHECK (num_nonnulls(hold_id, transfer_id) = 1),
    CONSTRAINT draw_amount_positive CHECK (amount_micros > 0),
    CONSTRAINT draw_settles_at_most_itself CHECK (settled_micros BETWEEN 0 AND amount_micros),
    CONSTRAINT draw_by_transfer_is_settled CHECK (transfer_id IS NULL OR settled_micros = amount_micros)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX draw_of_hold ON draw (hold_id, grant_id) WHERE hold_id IS NOT NULL;
CREATE UNIQUE INDEX draw_of_transfer ON draw (transfer_id, grant_id) WHERE transfer_id IS NOT NULL;

-- What a customer or operator may be told of; delivered by whoever reads it.
CREATE TABLE event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account,
    type text NOT NULL,
    data jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX event_account ON event (account_id, id);

-- The GCRA arrival times of limits that several processes share; losing it in a crash only forgives.
CREATE UNLOGGED TABLE rate_limit (
    key text PRIMARY KEY,
    arrival_us bigint NOT NULL
) WITH (fillfactor = 50);

-- Both sides of every transfer. They add up to nought by construction; domain/ledger.py says the same.
CREATE VIEW posting AS
SELECT t.id AS transfer_id, t.account_id, p.side, p.sign * t.amount_micros AS change_micros
FROM transfer t
JOIN (VALUES
    ('top_up'::transfer_kind, 'cash', -1), ('top_up', 'available', 1),
    ('reserve', 'available', -1), ('reserve', 'held', 1),
    ('settle', 'held', -1), ('settle', 'revenue', 1),
    ('release', 'held', -1), ('release', 'available', 1),
    ('refund', 'revenue', -1), ('refund', 'available', 1),
    ('adjustment_credit', 'adjustment', -1), ('adjustment_credit', 'available', 1),
    ('adjustment_debit', 'available', -1), ('adjustment_debit', 'adjustment', 1),
    ('allotment_out', 'available', -1), ('allotment_out', 'allotment', 1),
    ('allotment_in', 'allotment', -1), ('allotment_in', 'available', 1),
    ('expiry', 'available', -1), ('expiry', 'expired', 1)
) AS p (kind, side, sign) ON p.kind = t.kind;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is never changed: correct it with another row', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER transfer_is_immutable BEFORE UPDATE OR DELETE ON transfer FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER transfer_is_kept BEFORE TRUNCATE ON transfer EXECUTE FUNCTION refuse_change();
CREATE TRIGGER account_is_kept BEFORE DELETE OR TRUNCATE ON account EXECUTE FUNCTION refuse_change();
CREATE TRIGGER hold_is_kept BEFORE DELETE OR TRUNCATE ON hold EXECUTE FUNCTION refuse_change();
CREATE TRIGGER hold_is_resolved_once BEFORE UPDATE ON hold FOR EACH ROW
WHEN (OLD.settled_micros IS NOT NULL AND NEW.settled_micros IS DISTINCT FROM OLD.settled_micros)
EXECUTE FUNCTION refuse_change();
CREATE TRIGGER credit_grant_is_kept BEFORE DELETE OR TRUNCATE ON credit_grant EXECUTE FUNCTION refuse_change();
CREATE TRIGGER draw_is_kept BEFORE DELETE OR TRUNCATE ON draw EXECUTE FUNCTION refuse_change();
CREATE TRIGGER tariff_revision_is_immutable BEFORE UPDATE OR DELETE ON tariff_revision FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER rate_is_immutable BEFORE UPDATE OR DELETE ON rate FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE FUNCTION tell_low_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO event (account_id, type, data) VALUES (NEW.id, 'credit.low', jsonb_build_object(
        'available_micros', NEW.available_micros, 'threshold_micros', NEW.low_balance_micros));
    RETURN NULL;
END $$;
CREATE TRIGGER account_low_balance AFTER UPDATE OF available_micros ON account FOR EACH ROW
WHEN (OLD.available_micros >= NEW.low_balance_micros AND NEW.available_micros < NEW.low_balance_micros)
EXECUTE FUNCTION tell_low_balance();
