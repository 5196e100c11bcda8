-- What is over moves to months: a campaign's calls, with all that belongs to them, stand in the partitions of the month
-- in which it was over. The tables of what is open and recent keep their unique guards, and their size. Why it is so, and
-- which statement reads what: docs/decisions/0071-what-is-over-moves-to-months.md.

-- In the order in which a node that runs meanwhile locks them: all are changed below.
LOCK TABLE call, attempt, hold, draw, transfer, credit_grant, campaign IN ACCESS EXCLUSIVE MODE;

-- The months that have partitions. calls_erased_at: when its calls, their attempts and webhooks were dropped; of campaigns
-- that were archived after that, they are there.
CREATE TABLE past_month (
    month date PRIMARY KEY,
    made_at timestamptz NOT NULL,
    calls_erased_at timestamptz,
    CONSTRAINT past_month_begins_one CHECK (extract(day FROM month) = 1)
);

-- Null while something of the campaign is among what is open and recent.
ALTER TABLE campaign ADD COLUMN archived_at timestamptz;
CREATE INDEX campaign_to_archive ON campaign (finished_at, id) WHERE archived_at IS NULL AND finished_at IS NOT NULL;

-- What a deleted transfer's foreign keys are looked up by; few grants are ever made.
CREATE INDEX credit_grant_transfer ON credit_grant (transfer_id);

-- The month comes first, so that a column that is added to a table is added to its past in the same place.
CREATE TABLE past_call (month date NOT NULL, LIKE call INCLUDING CONSTRAINTS,
    UNIQUE (id, month), UNIQUE (campaign_id, position, month),
    CONSTRAINT past_call_is_over CHECK (cost_micros IS NOT NULL)) PARTITION BY RANGE (month);

CREATE TABLE past_attempt (month date NOT NULL, LIKE attempt INCLUDING CONSTRAINTS,
    UNIQUE (call_id, number, month),
    CONSTRAINT past_attempt_is_over CHECK (NOT is_open)) PARTITION BY RANGE (month);
CREATE INDEX past_attempt_account ON past_attempt (account_id, id);

CREATE TABLE past_webhook (month date NOT NULL, LIKE webhook INCLUDING CONSTRAINTS,
    UNIQUE (id, month), UNIQUE (public_id, month),
    CONSTRAINT past_webhook_is_over CHECK (state <> 'pending')) PARTITION BY RANGE (month);
CREATE INDEX past_webhook_account ON past_webhook (account_id, id);
CREATE INDEX past_webhook_call ON past_webhook (call_id) WHERE call_id IS NOT NULL;
CREATE INDEX past_webhook_campaign ON past_webhook (campaign_id);

CREATE TABLE past_webhook_attempt (month date NOT NULL, LIKE webhook_attempt INCLUDING CONSTRAINTS,
    UNIQUE (webhook_id, number, month)) PARTITION BY RANGE (month);

CREATE TABLE past_hold (month date NOT NULL, LIKE hold INCLUDING CONSTRAINTS,
    UNIQUE (id, month),
    CONSTRAINT past_hold_is_resolved CHECK (settled_micros IS NOT NULL)) PARTITION BY RANGE (month);

CREATE TABLE past_draw (month date NOT NULL, LIKE draw INCLUDING CONSTRAINTS,
    UNIQUE (hold_id, grant_id, month),
    CONSTRAINT past_draw_is_of_a_hold CHECK (hold_id IS NOT NULL AND settled_micros IS NOT NULL)) PARTITION BY RANGE (month);

CREATE TABLE past_transfer (month date NOT NULL, LIKE transfer INCLUDING CONSTRAINTS,
    UNIQUE (id, month), UNIQUE (hold_id, kind, month),
    CONSTRAINT past_transfer_is_of_a_hold CHECK (kind IN ('reserve', 'settle', 'release'))) PARTITION BY RANGE (month);
CREATE INDEX past_transfer_account ON past_transfer (account_id, id);

-- Makes what a month lacks of partitions. They are made aside and then attached, which holds up no reader.
CREATE FUNCTION make_past_month(of_month date, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    part text;
    name text;
BEGIN
    INSERT INTO past_month (month, made_at) VALUES (of_month, at) ON CONFLICT DO NOTHING;
    PERFORM FROM past_month WHERE month = of_month FOR UPDATE;
    FOREACH part IN ARRAY ARRAY['past_call', 'past_attempt', 'past_webhook', 'past_webhook_attempt', 'past_hold', 'past_draw',
        'past_transfer'] LOOP
        name := part || to_char(of_month, '_YYYY_MM');
        CONTINUE WHEN to_regclass(name) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', name, part);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            part, name, of_month, (of_month + interval '1 month')::date);
        IF part IN ('past_hold', 'past_draw', 'past_transfer') THEN
            EXECUTE format('CREATE TRIGGER past_is_kept BEFORE TRUNCATE ON %I EXECUTE FUNCTION refuse_change()', name);
        END IF;
    END LOOP;
END $$;

-- Drops a month's calls, attempts and webhooks, which have people's numbers; its money stays.
CREATE FUNCTION erase_past_calls(of_month date, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    part text;
BEGIN
    DELETE FROM attempt_recording r USING past_call c WHERE c.month = of_month AND r.call_id = c.id;
    LOCK TABLE past_call, past_attempt, past_webhook, past_webhook_attempt IN ACCESS EXCLUSIVE MODE;
    FOREACH part IN ARRAY ARRAY['past_call', 'past_attempt', 'past_webhook', 'past_webhook_attempt'] LOOP
        EXECUTE format('DROP TABLE IF EXISTS %I', part || to_char(of_month, '_YYYY_MM'));
    END LOOP;
    UPDATE past_month SET calls_erased_at = at WHERE month = of_month;
END $$;

-- A row leaves its table for its past alone: whatever deletes it, the same row stands there when the statement ends, in
-- the month that the transaction says it moves to. So nothing is lost, even by a defect.
CREATE FUNCTION refuse_loss() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    lost bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM gone g WHERE NOT EXISTS (
        SELECT FROM %I p WHERE p.month = $1 AND %s AND to_jsonb(p) - ''month'' = to_jsonb(g))', TG_ARGV[0], TG_ARGV[1])
    INTO lost USING nullif(current_setting('portevoix.moves_to', true), '')::date;
    IF lost > 0 THEN
        RAISE EXCEPTION '% is never deleted: its rows only move to %', TG_TABLE_NAME, TG_ARGV[0] USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER transfer_is_immutable ON transfer;
DROP TRIGGER hold_is_kept ON hold;
DROP TRIGGER draw_is_kept ON draw;
DROP TRIGGER call_is_kept ON call;
DROP TRIGGER attempt_is_kept ON attempt;
CREATE TRIGGER transfer_is_immutable BEFORE UPDATE ON transfer FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER transfer_stays BEFORE DELETE ON transfer FOR EACH ROW
WHEN (OLD.kind NOT IN ('reserve', 'settle', 'release')) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER hold_is_kept BEFORE TRUNCATE ON hold EXECUTE FUNCTION refuse_change();
CREATE TRIGGER draw_is_kept BEFORE TRUNCATE ON draw EXECUTE FUNCTION refuse_change();
CREATE TRIGGER call_is_kept BEFORE TRUNCATE ON call EXECUTE FUNCTION refuse_change();
CREATE TRIGGER attempt_is_kept BEFORE TRUNCATE ON attempt EXECUTE FUNCTION refuse_change();
CREATE TRIGGER transfer_only_moves AFTER DELETE ON transfer REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION refuse_loss('past_transfer', 'p.id = g.id');
CREATE TRIGGER hold_only_moves AFTER DELETE ON hold REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION refuse_loss('past_hold', 'p.id = g.id');
CREATE TRIGGER draw_only_moves AFTER DELETE ON draw REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION refuse_loss('past_draw', 'p.hold_id = g.hold_id AND p.grant_id = g.grant_id');
CREATE TRIGGER call_only_moves AFTER DELETE ON call REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION refuse_loss('past_call', 'p.id = g.id');
CREATE TRIGGER attempt_only_moves AFTER DELETE ON attempt REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION refuse_loss('past_attempt', 'p.call_id = g.call_id AND p.number = g.number');

-- The past never changes; a hold of it may be refunded still. Calls and webhooks go by whole months alone.
CREATE TRIGGER past_transfer_is_immutable BEFORE UPDATE OR DELETE ON past_transfer FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER past_draw_is_immutable BEFORE UPDATE OR DELETE ON past_draw FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER past_call_is_immutable BEFORE UPDATE OR DELETE ON past_call FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER past_attempt_is_immutable BEFORE UPDATE OR DELETE ON past_attempt FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER past_hold_is_kept BEFORE DELETE ON past_hold FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER past_hold_is_refunded_alone BEFORE UPDATE ON past_hold FOR EACH ROW
WHEN (to_jsonb(NEW) - 'refunded_micros' <> to_jsonb(OLD) - 'refunded_micros' OR NEW.refunded_micros < OLD.refunded_micros)
EXECUTE FUNCTION refuse_change();

-- Both together, for whoever reads: never in a statement that sends, claims, dials or settles. The month, null of what is
-- not archived, comes last: what belongs to an archived row is looked for in that row's month alone.
CREATE VIEW every_call AS
SELECT *, NULL::date AS month FROM call
UNION ALL
SELECT id, campaign_id, account_id, position, number, product, state, due_at, attempt, retried, route, node_id, hold_id,
    reserved_micros, outcome, duration_s, cost_micros, ended_at, trunk_id, month FROM past_call;

CREATE VIEW every_attempt AS
SELECT *, NULL::date AS month FROM attempt
UNION ALL
SELECT id, call_id, number, account_id, route, dialed_at, ringing_at, answered_at, ended_at, outcome, answerer, keys, is_open,
    trunk_id, cause, trace, month FROM past_attempt;

CREATE VIEW every_webhook AS
SELECT *, NULL::date AS month FROM webhook
UNION ALL
SELECT id, public_id, account_id, campaign_id, call_id, method, url, body, state, attempts, created_at, due_at, month
FROM past_webhook;

CREATE VIEW every_webhook_attempt AS
SELECT *, NULL::date AS month FROM webhook_attempt
UNION ALL
SELECT webhook_id, number, at, status, fault, body, duration_ms, month FROM past_webhook_attempt;

CREATE VIEW every_hold AS
SELECT *, NULL::date AS month FROM hold
UNION ALL
SELECT id, account_id, idempotency_key, amount_micros, settled_micros, refunded_micros, created_at, resolved_at, month
FROM past_hold;

CREATE VIEW every_draw AS
SELECT *, NULL::date AS month FROM draw
UNION ALL
SELECT grant_id, hold_id, transfer_id, amount_micros, settled_micros, month FROM past_draw;

CREATE VIEW every_transfer AS
SELECT *, NULL::date AS month FROM transfer
UNION ALL
SELECT id, account_id, kind, amount_micros, available_after_micros, hold_id, counterpart_id, idempotency_key, reason, at, month
FROM past_transfer;

-- What each kind of transfer does; domain/ledger.py says the same.
CREATE VIEW side_of_kind AS
SELECT * FROM (VALUES
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
) AS p (kind, side, sign);

-- As before, of every transfer.
CREATE OR REPLACE VIEW posting AS
SELECT t.id AS transfer_id, t.account_id, p.side, p.sign * t.amount_micros AS change_micros
FROM every_transfer t JOIN side_of_kind p ON p.kind = t.kind;
