-- Campaigns and their calls, from the request to the settled cost; what their owners are told of them.
-- Every change locks calls first, then accounts, then campaigns, each by id.

-- The sandbox of an account has a clock of its own: it runs with ours, moved on by clock_offset_s. What was due while
-- it was moved on happens as of its own time, not as of the clock's new one: from clock_moved_from on.
-- webhook_generation numbers the account's signing secrets, which are derived and kept nowhere.
ALTER TABLE account
    ADD COLUMN clock_offset_s bigint NOT NULL DEFAULT 0,
    ADD COLUMN clock_moved_from timestamptz,
    ADD COLUMN clock_moved_to timestamptz,
    ADD COLUMN inbox_after bigint NOT NULL DEFAULT 0,
    ADD COLUMN webhook_generation integer NOT NULL DEFAULT 1,
    ADD COLUMN webhook_rotated_at timestamptz,
    ADD CONSTRAINT account_live_clock_is_ours CHECK (mode = 'sandbox' OR clock_offset_s = 0);

-- Ids are given before a commit: an event may be seen later than one with a higher id. So events are read in the order
-- of the transactions that wrote them, once none of an earlier one is under way; a reader then misses nothing.
ALTER TABLE event ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id();
DROP INDEX event_account;
CREATE INDEX event_account ON event (account_id, xid, id);

-- Where the transactions of this database are counted: events that were restored elsewhere are counted anew there.
ALTER TABLE instance ADD COLUMN cluster bigint;

CREATE TABLE sender (
    account_id bigint NOT NULL REFERENCES account,
    number text NOT NULL,
    verified_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, number),
    CONSTRAINT sender_number_is_digits CHECK (number ~ '^[0-9]{3,15}$')
);

-- The answers to requests that bore an idempotency key, kept for a week.
CREATE TABLE answer (
    account_id bigint NOT NULL REFERENCES account,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    status integer NOT NULL,
    content_type text NOT NULL,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, key)
);
CREATE INDEX answer_age ON answer (created_at);

CREATE TABLE campaign (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    public_id text NOT NULL UNIQUE,
    account_id bigint NOT NULL REFERENCES account,
    kind text NOT NULL,
    state text NOT NULL DEFAULT 'active',
    sha256 bytea NOT NULL REFERENCES sound,
    samples integer NOT NULL,
    recording_id bigint REFERENCES recording ON DELETE SET NULL,
    recording_name text,
    text text,
    language text,
    sender text,
    notify_url text,
    notify_token text NOT NULL,
    email text,
    retries smallint NOT NULL,
    retry_spacing_s integer NOT NULL,
    own_revision bigint,
    default_revision bigint,
    is_scheduled boolean NOT NULL,
    due_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    total integer NOT NULL,
    open integer NOT NULL,
    delivered integer NOT NULL DEFAULT 0,
    cancelled integer NOT NULL DEFAULT 0,
    reserved_micros bigint NOT NULL,
    held_micros bigint NOT NULL,
    settled_micros bigint NOT NULL DEFAULT 0,
    CONSTRAINT campaign_kind_known CHECK (kind IN ('voice', 'deposit')),
    CONSTRAINT campaign_state_known CHECK (state IN ('active', 'paused', 'cancelled', 'finished')),
    CONSTRAINT campaign_plays_one_thing CHECK (num_nonnulls(text, recording_name) = 1),
    CONSTRAINT campaign_counts_in_range CHECK (total > 0 AND open BETWEEN 0 AND total
        AND delivered >= 0 AND cancelled >= 0 AND open + delivered + cancelled <= total),
    CONSTRAINT campaign_money_in_range CHECK (held_micros >= 0 AND settled_micros BETWEEN 0 AND reserved_micros),
    CONSTRAINT campaign_over_has_its_time CHECK ((open = 0) = (finished_at IS NOT NULL))
) WITH (fillfactor = 70);
CREATE INDEX campaign_account ON campaign (account_id, id);
CREATE INDEX campaign_recording ON campaign (recording_id) WHERE recording_id IS NOT NULL;
CREATE INDEX campaign_sound ON campaign (sha256);
CREATE INDEX campaign_cancelled ON campaign (id) WHERE state = 'cancelled' AND finished_at IS NULL;

-- A process that dials. One whose lease has ended is taken for dead: what it had claimed is claimed again, what it was
-- dialling is uncertain, and it may dial nothing more.
CREATE TABLE node (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    started_at timestamptz NOT NULL,
    lease_until timestamptz NOT NULL
);

CREATE TYPE call_state AS ENUM (
    'scheduled', 'ready', 'paused', 'claimed', 'dialing', 'ringing', 'answered', 'finished', 'failed', 'cancelled', 'uncertain'
);

-- As the ledger's, its hot rows name their parents without foreign keys; 'ledger check' looks at all of them.
CREATE TABLE call (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_id bigint NOT NULL,
    account_id bigint NOT NULL,
    position integer NOT NULL,
    number text NOT NULL,
    product text NOT NULL,
    state call_state NOT NULL,
    due_at timestamptz NOT NULL,
    attempt smallint NOT NULL DEFAULT 0,
    retried smallint NOT NULL DEFAULT 0,
    route smallint NOT NULL DEFAULT 0,
    node_id bigint,
    hold_id bigint,
    reserved_micros bigint NOT NULL,
    outcome text,
    duration_s integer,
    cost_micros bigint,
    ended_at timestamptz,
    CONSTRAINT call_place_once UNIQUE (campaign_id, position),
    CONSTRAINT call_hold_where_it_costs CHECK ((hold_id IS NULL) = (reserved_micros = 0)),
    CONSTRAINT call_costs_at_most_its_hold CHECK (cost_micros BETWEEN 0 AND reserved_micros),
    CONSTRAINT call_over_has_its_end CHECK (
        (state IN ('finished', 'failed', 'cancelled', 'uncertain')) = (cost_micros IS NOT NULL AND ended_at IS NOT NULL)),
    CONSTRAINT call_claimed_by_a_node CHECK ((node_id IS NOT NULL) = (state IN ('claimed', 'dialing', 'ringing', 'answered')))
) WITH (fillfactor = 70);
CREATE INDEX call_waiting ON call (account_id, due_at, id) WHERE state IN ('scheduled', 'ready');
CREATE INDEX call_at_node ON call (node_id, id) WHERE node_id IS NOT NULL;

-- One row a dialling, there before the carrier is asked: its primary key is why none happens twice. A carrier's report
-- is filed here first, and acted on afterwards.
CREATE TABLE attempt (
    id bigint GENERATED ALWAYS AS IDENTITY,
    call_id bigint NOT NULL,
    number smallint NOT NULL,
    account_id bigint NOT NULL,
    route text NOT NULL,
    dialed_at timestamptz NOT NULL,
    ringing_at timestamptz,
    answered_at timestamptz,
    ended_at timestamptz,
    outcome text,
    answerer text,
    keys text NOT NULL DEFAULT '',
    is_open boolean NOT NULL DEFAULT true,
    PRIMARY KEY (call_id, number),
    CONSTRAINT attempt_ended_has_its_outcome CHECK ((ended_at IS NULL) = (outcome IS NULL)),
    CONSTRAINT attempt_over_is_filed CHECK (is_open OR outcome IS NOT NULL)
) WITH (fillfactor = 80);
CREATE INDEX attempt_filed ON attempt (call_id) WHERE is_open AND outcome IS NOT NULL;
CREATE UNIQUE INDEX attempt_account ON attempt (account_id, id);

-- What a notifyUrl is told, one row a message of its own id, whatever the number of tries.
CREATE TABLE webhook (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    public_id text NOT NULL UNIQUE,
    account_id bigint NOT NULL REFERENCES account,
    campaign_id bigint NOT NULL,
    call_id bigint,
    method text NOT NULL,
    url text NOT NULL,
    body bytea NOT NULL,
    state text NOT NULL DEFAULT 'pending',
    attempts smallint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    due_at timestamptz,
    CONSTRAINT webhook_method_known CHECK (method IN ('GET', 'POST')),
    CONSTRAINT webhook_state_known CHECK (state IN ('pending', 'delivered', 'dead', 'disabled'))
) WITH (fillfactor = 80);
CREATE INDEX webhook_account ON webhook (account_id, id);
CREATE INDEX webhook_call ON webhook (call_id) WHERE call_id IS NOT NULL;
CREATE INDEX webhook_campaign ON webhook (campaign_id);

CREATE TABLE webhook_attempt (
    webhook_id bigint NOT NULL REFERENCES webhook,
    number smallint NOT NULL,
    at timestamptz NOT NULL,
    status smallint,
    fault text,
    body text NOT NULL,
    duration_ms integer NOT NULL,
    PRIMARY KEY (webhook_id, number)
);

-- The notifyUrls that answered 410 Gone: nothing is sent there until somebody asks for a replay.
CREATE TABLE webhook_gone (
    account_id bigint NOT NULL REFERENCES account,
    url text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (account_id, url)
);

CREATE TABLE mail (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account,
    campaign_id bigint NOT NULL UNIQUE,
    recipient text NOT NULL,
    subject text NOT NULL,
    text text NOT NULL,
    state text NOT NULL,
    fault text,
    created_at timestamptz NOT NULL,
    CONSTRAINT mail_state_known CHECK (state IN ('kept', 'pending', 'sent', 'failed'))
);
CREATE INDEX mail_account ON mail (account_id, id);

CREATE TRIGGER call_is_kept BEFORE DELETE OR TRUNCATE ON call EXECUTE FUNCTION refuse_change();
CREATE TRIGGER attempt_is_kept BEFORE DELETE OR TRUNCATE ON attempt EXECUTE FUNCTION refuse_change();

-- Tell whoever listens that an account has news; the payload is the account's number.
CREATE FUNCTION tell_of_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('portevoix_events', account_id::text) FROM (SELECT DISTINCT account_id FROM fresh) f;
    RETURN NULL;
END $$;
CREATE TRIGGER event_is_told AFTER INSERT ON event REFERENCING NEW TABLE AS fresh
FOR EACH STATEMENT EXECUTE FUNCTION tell_of_event();
