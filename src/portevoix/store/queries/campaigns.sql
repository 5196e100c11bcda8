-- Campaigns: placed with their holds and calls, read, paused, cancelled.

-- name: sound
-- Nothing where it is there already: the campaign's reference keeps it from being swept away.
INSERT INTO sound (sha256, alaw, samples, created_at) VALUES (%(sha256)s, %(alaw)s, %(samples)s, %(at)s)
ON CONFLICT (sha256) DO NOTHING;

-- name: place
-- A campaign and its calls, whose holds were opened just before, under keys that name the campaign and the place in it.
WITH placed AS (
    INSERT INTO campaign (public_id, account_id, kind, sha256, samples, recording_id, recording_name, text, language, sender,
        notify_url, notify_token, email, retries, retry_spacing_s, own_revision, default_revision, is_scheduled, due_at,
        created_at, total, open, reserved_micros, held_micros)
    SELECT %(public_id)s, %(account_id)s, %(kind)s, %(sha256)s, %(samples)s,
        (SELECT id FROM recording WHERE account_id = %(account_id)s AND token = %(recording)s), %(recording_name)s,
        %(text)s, %(language)s, %(sender)s, %(notify_url)s, %(notify_token)s, %(email)s, %(retries)s, %(retry_spacing_s)s,
        %(own_revision)s, %(default_revision)s, %(is_scheduled)s, %(due_at)s, %(at)s, %(total)s, %(total)s,
        %(reserved_micros)s, %(reserved_micros)s
    RETURNING id
), called AS (
    INSERT INTO call (campaign_id, account_id, position, number, product, state, due_at, hold_id, reserved_micros, trunk_id)
    SELECT p.id, %(account_id)s, r.position, r.number, r.product, %(state)s::call_state, %(due_at)s, r.hold_id, r.most_micros,
        r.trunk_id
    FROM placed p, unnest(%(numbers)s::text[], %(products)s::text[], %(most)s::bigint[], %(holds)s::bigint[],
        %(trunks)s::bigint[]) WITH ORDINALITY AS r (number, product, most_micros, hold_id, trunk_id, position)
    RETURNING id
), told AS (
    INSERT INTO event (account_id, type, data, at)
    SELECT %(account_id)s, 'message.accepted', jsonb_build_object('message', %(public_id)s::text, 'recipients', %(total)s::int), %(at)s
)
SELECT pg_notify('portevoix_calls', '') FROM placed;

-- name: campaigns
-- An account's campaigns, the newest first.
SELECT c.public_id, c.kind, c.state, c.samples, encode(c.sha256, 'hex'), r.token, c.recording_name, c.text, c.language,
    c.sender, c.notify_url, c.email, c.retries, c.retry_spacing_s, c.is_scheduled, c.due_at, c.created_at, c.finished_at,
    c.total, c.open, c.delivered, c.cancelled, c.reserved_micros, c.settled_micros, c.held_micros,
    CASE WHEN c.archived_at <= m.calls_erased_at THEN m.calls_erased_at END, c.id
FROM campaign c LEFT JOIN recording r ON r.id = c.recording_id
    LEFT JOIN past_month m ON m.month = date_trunc('month', c.finished_at AT TIME ZONE 'UTC')::date
WHERE c.account_id = %(account_id)s AND (%(public_id)s::text IS NULL OR c.public_id = %(public_id)s)
    AND (%(before_id)s::bigint IS NULL OR c.id < %(before_id)s) AND (%(states)s::text[] IS NULL OR c.state = ANY(%(states)s))
ORDER BY c.id DESC LIMIT %(most)s;

-- name: unfinished_campaigns
-- Those that are in some states other than finished, which have an index of their own.
SELECT c.public_id, c.kind, c.state, c.samples, encode(c.sha256, 'hex'), r.token, c.recording_name, c.text, c.language,
    c.sender, c.notify_url, c.email, c.retries, c.retry_spacing_s, c.is_scheduled, c.due_at, c.created_at, c.finished_at,
    c.total, c.open, c.delivered, c.cancelled, c.reserved_micros, c.settled_micros, c.held_micros,
    CASE WHEN c.archived_at <= m.calls_erased_at THEN m.calls_erased_at END, c.id
FROM campaign c LEFT JOIN recording r ON r.id = c.recording_id
    LEFT JOIN past_month m ON m.month = date_trunc('month', c.finished_at AT TIME ZONE 'UTC')::date
WHERE c.account_id = %(account_id)s AND c.state <> 'finished' AND c.state = ANY(%(states)s::text[])
    AND (%(before_id)s::bigint IS NULL OR c.id < %(before_id)s)
    AND (%(is_ahead)s::boolean IS NULL OR (c.is_scheduled AND c.due_at > %(at)s) = %(is_ahead)s)
    AND (NOT %(is_open)s::boolean OR c.finished_at IS NULL)
ORDER BY c.id DESC LIMIT %(most)s;

-- name: calls
-- The campaign is found first, so that its calls are read in their order from the index, and no more of them than are asked for.
SELECT %(public_id)s::text, c.position, c.number, c.product, c.state::text, c.outcome, c.due_at, c.ended_at, c.duration_s,
    c.reserved_micros, c.cost_micros, c.attempt
FROM every_call c
WHERE c.campaign_id = (SELECT p.id FROM campaign p WHERE p.account_id = %(account_id)s AND p.public_id = %(public_id)s)
    AND c.position > %(after)s AND (%(position)s::int IS NULL OR c.position = %(position)s)
    AND (%(states)s::text[] IS NULL OR c.state::text = ANY(%(states)s))
    AND (%(outcome)s::text IS NULL OR c.outcome = %(outcome)s)
    AND (%(digits)s::text IS NULL OR strpos(c.number, %(digits)s) > 0)
ORDER BY c.position LIMIT %(most)s;

-- name: at_carriers
-- How many of a campaign's calls are with carriers now, by state; of all calls, few are.
SELECT c.state::text, count(*) FROM call c
WHERE c.node_id IS NOT NULL AND c.state IN ('dialing', 'ringing', 'answered') AND c.campaign_id = (
    SELECT id FROM campaign WHERE account_id = %(account_id)s AND public_id = %(public_id)s)
GROUP BY c.state;

-- name: waiting
-- What a cancel would cancel, and set free.
SELECT count(*), coalesce(sum(c.reserved_micros), 0)::bigint FROM call c JOIN campaign p ON p.id = c.campaign_id
WHERE p.account_id = %(account_id)s AND p.public_id = %(public_id)s AND c.state IN ('scheduled', 'ready', 'paused', 'claimed');

-- name: of_holds
-- The calls that holds were opened for: a hold's key names its call, also one that was erased.
SELECT h.id, p.public_id, substring(h.idempotency_key FROM '-([1-9][0-9]{0,6})$')::int
FROM unnest(%(holds)s::bigint[]) AS k (id)
CROSS JOIN LATERAL (SELECT id, account_id, idempotency_key FROM every_hold WHERE id = k.id LIMIT 1) h
JOIN campaign p ON p.account_id = h.account_id AND p.public_id = split_part(h.idempotency_key, '-', 1)
WHERE h.account_id = %(account_id)s AND h.idempotency_key ~ '^[0-9A-Za-z]{10}-[1-9][0-9]{0,6}$'
    AND substring(h.idempotency_key FROM '-([1-9][0-9]{0,6})$')::int <= p.total;

-- name: attempts
SELECT a.number, a.route, a.dialed_at, a.ringing_at, a.answered_at, a.ended_at, a.outcome, a.answerer, a.keys, p.created_at,
    a.cause, a.trace
FROM campaign p JOIN every_call c ON c.campaign_id = p.id
    JOIN every_attempt a ON a.call_id = c.id AND (a.month IS NULL OR a.month = c.month)
WHERE p.account_id = %(account_id)s AND p.public_id = %(public_id)s AND c.position = %(position)s
ORDER BY a.number;

-- name: recorded
-- What a call's far end said first, in the last attempt of which that is kept.
SELECT r.alaw FROM campaign p JOIN every_call c ON c.campaign_id = p.id JOIN attempt_recording r ON r.call_id = c.id
WHERE p.account_id = %(account_id)s AND p.public_id = %(public_id)s AND c.position = %(position)s
ORDER BY r.number DESC LIMIT 1;

-- name: pause_calls
-- Locked by id, as everywhere. What a node has claimed already goes back when it would be dialled.
UPDATE call c SET state = 'paused' FROM (
    SELECT c.id FROM call c JOIN campaign p ON p.id = c.campaign_id
    WHERE p.account_id = %(account_id)s AND p.public_id = %(public_id)s AND p.state = 'active' AND c.state IN ('scheduled', 'ready')
    ORDER BY c.id FOR NO KEY UPDATE OF c) w
WHERE c.id = w.id AND c.state IN ('scheduled', 'ready');

-- name: pause
UPDATE campaign SET state = 'paused'
WHERE account_id = %(account_id)s AND public_id = %(public_id)s AND state = 'active' AND open > 0 RETURNING id;

-- name: resume_calls
UPDATE call c SET state = 'ready' FROM (
    SELECT c.id FROM call c JOIN campaign p ON p.id = c.campaign_id
    WHERE p.account_id = %(account_id)s AND p.public_id = %(public_id)s AND p.state = 'paused' AND c.state = 'paused'
    ORDER BY c.id FOR NO KEY UPDATE OF c) w
WHERE c.id = w.id AND c.state = 'paused';

-- name: resume
WITH resumed AS (
    UPDATE campaign SET state = 'active'
    WHERE account_id = %(account_id)s AND public_id = %(public_id)s AND state = 'paused' RETURNING id
)
SELECT id, pg_notify('portevoix_calls', '') FROM resumed;

-- name: lock_waiting
-- What has not begun of a campaign, to be cancelled.
SELECT c.id, c.hold_id, c.attempt FROM call c JOIN campaign p ON p.id = c.campaign_id
WHERE p.account_id = %(account_id)s AND p.public_id = %(public_id)s AND c.state IN ('scheduled', 'ready', 'paused', 'claimed')
ORDER BY c.id FOR NO KEY UPDATE OF c;

-- name: cancel_calls
UPDATE call SET state = 'cancelled', cost_micros = 0, ended_at = %(at)s, node_id = NULL
WHERE id = ANY(%(calls)s::bigint[]);

-- name: cancel
-- Counts what was cancelled; a campaign whose last calls they were is over. One that was cancelled before may have a
-- call more to cancel: it was under way then, and came back to be retried.
WITH cancelled AS (
    UPDATE campaign p SET open = p.open - k.count, cancelled = p.cancelled + k.count,
        held_micros = p.held_micros - k.micros, state = 'cancelled',
        finished_at = CASE WHEN p.open = k.count THEN %(at)s::timestamptz END
    FROM (SELECT count(*)::int AS count, coalesce(sum(reserved_micros), 0)::bigint AS micros
        FROM call WHERE id = ANY(%(calls)s::bigint[])) k
    WHERE p.account_id = %(account_id)s AND p.public_id = %(public_id)s 
        AND (p.state IN ('active', 'paused') OR p.state = 'cancelled' AND k.count > 0)
    RETURNING p.id, p.public_id, p.total, p.open, p.cancelled, k.count, k.micros
), told AS (
    INSERT INTO event (account_id, type, data, at)
    SELECT %(account_id)s, 'message.cancelled', jsonb_build_object('message', public_id, 'recipients', count,
        'released_micros', micros), %(at)s FROM cancelled
)
SELECT id, micros, open = 0 AND cancelled < total FROM cancelled;

-- name: stranded
-- Cancelled campaigns with calls that wait: they were under way when it was cancelled, and came back.
SELECT p.account_id, p.public_id, o.clock_offset_s FROM campaign p JOIN account o ON o.id = p.account_id
WHERE p.state = 'cancelled' AND p.finished_at IS NULL AND EXISTS (
    SELECT FROM call c WHERE c.campaign_id = p.id AND c.state IN ('scheduled', 'ready', 'paused'))
ORDER BY p.id LIMIT %(most)s;

-- name: verified_sender
SELECT EXISTS (SELECT FROM sender WHERE account_id = %(account_id)s AND number = %(number)s);

-- name: verify_sender
INSERT INTO sender (account_id, number, verified_at) VALUES (%(account_id)s, %(number)s, %(at)s) ON CONFLICT DO NOTHING;

-- name: senders
SELECT number FROM sender WHERE account_id = %(account_id)s ORDER BY number;

-- name: forget_sender
DELETE FROM sender WHERE account_id = %(account_id)s AND number = %(number)s RETURNING number;
