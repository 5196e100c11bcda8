-- What is over moves to the months in which it was over, a few thousand rows a transaction.

-- name: due
-- What would move, by month; from messages alone, as there may be very many calls.
SELECT date_trunc('month', finished_at AT TIME ZONE 'UTC')::date AS month, count(*), sum(total)::bigint
FROM campaign WHERE archived_at IS NULL AND finished_at < %(before)s
GROUP BY 1 ORDER BY 1;

-- name: over
-- Campaigns that were over before a moment and are not archived, the oldest first.
SELECT finished_at, id FROM campaign
WHERE archived_at IS NULL AND finished_at < %(before)s AND (finished_at, id) > (%(after_at)s, %(after_id)s)
ORDER BY finished_at, id LIMIT %(most)s;

-- name: make_month
SELECT make_past_month(%(month)s, %(at)s);

-- name: move_to
-- Of this transaction: the triggers that guard what is deleted look for it there.
SELECT set_config('portevoix.moves_to', %(month)s::date::text, true);

-- name: move_calls
-- Calls with their attempts and money, each whole. What somebody else has locked is left for the next time: a hold may be
-- under refund. Refunds stay: they have keys and grants. Each is found by its index, however large the tables are.
WITH picked AS MATERIALIZED (
    SELECT c.id, c.hold_id FROM unnest(%(campaigns)s::bigint[]) AS p (id) CROSS JOIN LATERAL (
        SELECT id, hold_id FROM call WHERE campaign_id = p.id AND cost_micros IS NOT NULL
        ORDER BY position LIMIT %(most)s FOR UPDATE SKIP LOCKED) c
    LIMIT %(most)s
), resolved AS MATERIALIZED (
    SELECT h.id FROM picked p CROSS JOIN LATERAL (
        SELECT id FROM hold WHERE id = p.hold_id AND settled_micros IS NOT NULL LIMIT 1 FOR UPDATE SKIP LOCKED) h
), whole AS MATERIALIZED (
    SELECT id, hold_id FROM picked WHERE hold_id IS NULL OR hold_id IN (SELECT id FROM resolved)
), calls AS (
    DELETE FROM call WHERE id = ANY(ARRAY(SELECT id FROM whole)) RETURNING *
), attempts AS (
    DELETE FROM attempt WHERE call_id = ANY(ARRAY(SELECT id FROM whole)) RETURNING *
), holds AS (
    DELETE FROM hold WHERE id = ANY(ARRAY(SELECT hold_id FROM whole)) RETURNING *
), draws AS (
    DELETE FROM draw WHERE hold_id = ANY(ARRAY(SELECT hold_id FROM whole)) RETURNING *
), transfers AS (
    DELETE FROM transfer WHERE hold_id = ANY(ARRAY(SELECT hold_id FROM whole)) AND kind <> 'refund' RETURNING *
), past_calls AS (
    INSERT INTO past_call SELECT %(month)s::date, c.* FROM calls c
), past_attempts AS (
    INSERT INTO past_attempt SELECT %(month)s::date, a.* FROM attempts a
), past_holds AS (
    INSERT INTO past_hold SELECT %(month)s::date, h.* FROM holds h
), past_draws AS (
    INSERT INTO past_draw SELECT %(month)s::date, d.* FROM draws d
), past_transfers AS (
    INSERT INTO past_transfer SELECT %(month)s::date, t.* FROM transfers t
)
SELECT (SELECT count(*) FROM calls), (SELECT count(*) FROM attempts), (SELECT count(*) FROM holds), (SELECT count(*) FROM draws),
    (SELECT count(*) FROM transfers);

-- name: move_webhooks
-- With the log of their tries. One that is under way stays until it is not.
WITH picked AS MATERIALIZED (
    SELECT w.id FROM unnest(%(campaigns)s::bigint[]) AS p (id) CROSS JOIN LATERAL (
        SELECT id FROM webhook WHERE campaign_id = p.id AND state <> 'pending' LIMIT %(most)s FOR UPDATE SKIP LOCKED) w
    LIMIT %(most)s
), tries AS (
    DELETE FROM webhook_attempt WHERE webhook_id = ANY(ARRAY(SELECT id FROM picked)) RETURNING *
), webhooks AS (
    DELETE FROM webhook WHERE id = ANY(ARRAY(SELECT id FROM picked)) RETURNING *
), past_tries AS (
    INSERT INTO past_webhook_attempt SELECT %(month)s::date, a.* FROM tries a
), past_webhooks AS (
    INSERT INTO past_webhook SELECT %(month)s::date, w.* FROM webhooks w
)
SELECT count(*) FROM webhooks;

-- name: close
-- Campaigns of which nothing is left among what is open and recent.
UPDATE campaign p SET archived_at = %(at)s
WHERE p.id = ANY(%(campaigns)s::bigint[]) AND p.archived_at IS NULL
    AND NOT EXISTS (SELECT FROM call c WHERE c.campaign_id = p.id)
    AND NOT EXISTS (SELECT FROM webhook w WHERE w.campaign_id = p.id);

-- name: months
SELECT month FROM past_month ORDER BY month;

-- name: with_calls
-- Months whose calls are there, or were not erased since more of them came.
SELECT m.month FROM past_month m
WHERE m.month < %(before)s AND to_regclass('past_call' || to_char(m.month, '_YYYY_MM')) IS NOT NULL ORDER BY m.month;

-- name: not_archived
SELECT count(*) FROM campaign WHERE archived_at IS NULL AND finished_at < %(before)s;

-- name: impatient
-- Less than after which PostgreSQL looks for deadlocks: who erases gives way, not who reads.
SET LOCAL lock_timeout = '500ms';

-- name: erase_calls
SELECT erase_past_calls(%(month)s, %(at)s);

-- name: cover_events
-- What events tell of people is taken out of those of calls that ended before a moment, a part at a time; the events stay,
-- since clients go on from their numbers.
WITH part AS MATERIALIZED (
    SELECT id, at, type, data FROM event WHERE id > %(after)s ORDER BY id LIMIT %(most)s
), covered AS (
    UPDATE event e SET data = e.data - '{number,keys,notification}'::text[]
    FROM part p WHERE e.id = p.id AND p.type = 'call.ended' AND p.at < %(before)s AND p.data ? 'number'
    RETURNING e.id
)
SELECT max(id), (SELECT count(*) FROM covered) FROM part;

-- name: keep_calls
-- Before the snapshot of an export: calls that were erased during it would be missed.
LOCK TABLE past_call, past_attempt, past_webhook, past_webhook_attempt IN ACCESS SHARE MODE;

-- name: export_alone
-- Two would write the same files.
SELECT pg_try_advisory_xact_lock(hashtextextended('portevoix export', 0));

-- name: standing
-- When a month's calls were erased, and whether it has some.
SELECT calls_erased_at, EXISTS (SELECT FROM past_call WHERE month = %(month)s) FROM past_month WHERE month = %(month)s;

-- name: copy_campaign
COPY (
    SELECT p.id, p.public_id, a.public_id AS account, a.mode, p.account_id, p.kind, p.state, encode(p.sha256, 'hex') AS sha256,
        p.samples, p.recording_name, p.text, p.language, p.sender, p.notify_url, p.email, p.retries, p.retry_spacing_s,
        p.own_revision, p.default_revision, p.is_scheduled, p.due_at, p.created_at, p.finished_at, p.total, p.delivered,
        p.cancelled, p.reserved_micros, p.settled_micros
    FROM campaign p JOIN account a ON a.id = p.account_id
    WHERE p.archived_at IS NOT NULL AND date_trunc('month', p.finished_at AT TIME ZONE 'UTC')::date = %(month)s
    ORDER BY p.id
) TO STDOUT (FORMAT csv, HEADER);

-- name: copy_call
COPY (SELECT * FROM past_call WHERE month = %(month)s ORDER BY id) TO STDOUT (FORMAT csv, HEADER);

-- name: copy_attempt
COPY (SELECT * FROM past_attempt WHERE month = %(month)s ORDER BY call_id, number) TO STDOUT (FORMAT csv, HEADER);

-- name: copy_webhook
COPY (SELECT * FROM past_webhook WHERE month = %(month)s ORDER BY id) TO STDOUT (FORMAT csv, HEADER);

-- name: copy_webhook_attempt
COPY (SELECT * FROM past_webhook_attempt WHERE month = %(month)s ORDER BY webhook_id, number) TO STDOUT (FORMAT csv, HEADER);

-- name: copy_hold
COPY (SELECT * FROM past_hold WHERE month = %(month)s ORDER BY id) TO STDOUT (FORMAT csv, HEADER);

-- name: copy_draw
COPY (SELECT * FROM past_draw WHERE month = %(month)s ORDER BY hold_id, grant_id) TO STDOUT (FORMAT csv, HEADER);

-- name: copy_transfer
COPY (SELECT * FROM past_transfer WHERE month = %(month)s ORDER BY id) TO STDOUT (FORMAT csv, HEADER);
