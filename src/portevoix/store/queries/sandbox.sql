-- The sandbox of an account: its clock, the inbox of its simulated phones, a new beginning.

-- name: account_clock
SELECT mode, clock_offset_s FROM account WHERE id = %(account_id)s;

-- name: advance
UPDATE account SET clock_offset_s = clock_offset_s + %(seconds)s,
    clock_moved_from = %(at)s::timestamptz + make_interval(secs => clock_offset_s),
    clock_moved_to = %(at)s::timestamptz + make_interval(secs => clock_offset_s + %(seconds)s)
WHERE id = %(account_id)s AND mode = 'sandbox'
RETURNING clock_offset_s, pg_notify('portevoix_clock', id || ' ' || clock_offset_s), pg_notify('portevoix_calls', '');

-- name: under_way
-- What the account's simulated phones are doing, of paused and cancelled campaigns too, and what is due by now: each by
-- its own index, however many calls are over.
WITH found AS (
    SELECT c.* FROM call c WHERE c.account_id = %(account_id)s AND c.node_id IS NOT NULL
    UNION ALL
    SELECT c.* FROM call c JOIN campaign p ON p.id = c.campaign_id
    WHERE c.account_id = %(account_id)s AND c.state IN ('scheduled', 'ready') AND c.due_at <= %(at)s AND p.state = 'active'
    LIMIT 10000
)
SELECT c.number, p.kind, p.samples, c.route, c.attempt, c.state::text, c.due_at, a.dialed_at
FROM found c JOIN campaign p ON p.id = c.campaign_id
    LEFT JOIN attempt a ON a.call_id = c.id AND a.number = c.attempt AND a.is_open;

-- name: inbox
SELECT a.id, p.public_id, c.position, a.number, c.number, p.kind, p.text, p.recording_name, p.samples, a.route, a.dialed_at, a.ringing_at,
    a.answered_at, a.ended_at, a.outcome, a.answerer, a.keys
FROM every_attempt a JOIN every_call c ON c.id = a.call_id AND (c.month IS NULL OR c.month = a.month)
    JOIN campaign p ON p.id = c.campaign_id JOIN account o ON o.id = a.account_id
WHERE a.account_id = %(account_id)s AND a.id > o.inbox_after AND (%(before_id)s::bigint IS NULL OR a.id < %(before_id)s)
    AND (%(entry)s::bigint IS NULL OR a.id = %(entry)s)
    AND (%(number)s::text IS NULL OR c.number = %(number)s) AND (%(campaign)s::text IS NULL OR p.public_id = %(campaign)s)
ORDER BY a.id DESC LIMIT %(most)s;

-- name: played
SELECT s.alaw, p.kind, a.answered_at, a.ended_at, a.outcome
FROM every_attempt a JOIN every_call c ON c.id = a.call_id AND (c.month IS NULL OR c.month = a.month)
    JOIN campaign p ON p.id = c.campaign_id JOIN sound s ON s.sha256 = p.sha256
WHERE a.account_id = %(account_id)s AND a.id = %(entry)s;

-- name: empty_inbox
UPDATE account SET inbox_after = (SELECT coalesce(max(id), 0) FROM every_attempt WHERE account_id = %(account_id)s)
WHERE id = %(account_id)s AND mode = 'sandbox';

-- name: drop_mails
DELETE FROM mail WHERE account_id = %(account_id)s;

-- name: calls_under_way
SELECT id, attempt FROM call
WHERE account_id = %(account_id)s AND node_id IS NOT NULL AND state IN ('dialing', 'ringing', 'answered') ORDER BY id;

-- name: open_campaigns
SELECT public_id FROM campaign WHERE account_id = %(account_id)s AND state <> 'finished' AND open > 0 ORDER BY id;

-- name: reset_clock
UPDATE account SET clock_offset_s = 0, clock_moved_from = NULL, clock_moved_to = NULL
WHERE id = %(account_id)s AND mode = 'sandbox'
RETURNING pg_notify('portevoix_clock', id || ' 0');

-- name: drop_webhooks
UPDATE webhook SET state = 'dead', due_at = NULL WHERE account_id = %(account_id)s AND state = 'pending';
