-- The calls' queue and their life. The states that each statement takes are those of domain/call.py, by test.

-- name: join
INSERT INTO node (name, started_at, lease_until, role, version, shares_limits, seen_at)
VALUES (%(name)s, %(at)s, %(lease_until)s, %(role)s, %(version)s, %(shares_limits)s, %(at)s) RETURNING id;

-- name: renew
-- Late as well, as long as nobody has taken it for dead: the database may have been away.
UPDATE node SET lease_until = %(lease_until)s, seen_at = %(at)s WHERE id = %(node)s AND isfinite(lease_until) RETURNING id;

-- name: leave
-- Its lease ends now: whoever sweeps looks after what it left, and buries it.
UPDATE node SET lease_until = '-infinity' WHERE id = %(node)s;

-- name: condemn
-- What was theirs is taken from them step by step: from now on they cannot come back.
UPDATE node SET lease_until = '-infinity' WHERE id = ANY(%(nodes)s::bigint[]);

-- name: bury
DELETE FROM node WHERE id = ANY(%(nodes)s::bigint[]);

-- name: claim
-- Due calls for a node, in equal parts for the accounts that have some, as far as each has room, and so has the trunk
-- whose queue they stand in. Queues, one an account and trunk, are found by skipping through the index of what waits.
-- A node that was taken for dead gets none: once it is buried, nobody would look after what it had claimed.
-- Nor does anybody in a database that stands elsewhere than it did (queries/restoring.sql).
WITH RECURSIVE waiting (account_id, trunk_id) AS (
    (SELECT account_id, trunk_id FROM call WHERE state IN ('scheduled', 'ready') ORDER BY account_id, trunk_id LIMIT 1)
    UNION ALL
    SELECT n.account_id, n.trunk_id FROM waiting w CROSS JOIN LATERAL (
        SELECT c.account_id, c.trunk_id FROM call c
        WHERE c.state IN ('scheduled', 'ready') AND (c.account_id, c.trunk_id) > (w.account_id, w.trunk_id)
        ORDER BY c.account_id, c.trunk_id LIMIT 1) n
), queue AS (
    SELECT w.account_id, w.trunk_id, n.now_at, coalesce(b.room, %(room)s) AS room, t.room AS trunk_room
    FROM waiting w
    JOIN account a ON a.id = w.account_id AND a.state = 'active'
    LEFT JOIN unnest(%(busy)s::bigint[], %(rooms)s::int[]) AS b (account_id, room) ON b.account_id = w.account_id
    LEFT JOIN unnest(%(trunks)s::bigint[], %(trunk_rooms)s::int[]) AS t (trunk_id, room) ON t.trunk_id = w.trunk_id
    CROSS JOIN LATERAL (SELECT %(at)s::timestamptz + make_interval(secs => a.clock_offset_s) AS now_at) n
    WHERE coalesce(b.room, %(room)s) > 0 AND coalesce(t.room, 1) > 0 AND EXISTS (
        SELECT FROM call c WHERE c.account_id = w.account_id AND c.trunk_id = w.trunk_id
            AND c.state IN ('scheduled', 'ready') AND c.due_at <= n.now_at)
), turn AS (
    SELECT q.*, count(*) OVER () AS queues, count(*) OVER (PARTITION BY q.trunk_id) AS sharers,
        row_number() OVER (PARTITION BY q.trunk_id ORDER BY random()) AS place
    FROM queue q
), alive AS MATERIALIZED ( -- locked against its burial, and only where there is something to claim
    SELECT FROM node WHERE id = %(node)s AND lease_until > %(at)s AND EXISTS (SELECT FROM queue)
        AND EXISTS (SELECT FROM instance WHERE place = database_place()) FOR KEY SHARE
), picked AS (
    SELECT id FROM (
        SELECT c.id, t.room, row_number() OVER (PARTITION BY t.account_id ORDER BY c.due_at, c.id) AS place
        FROM alive CROSS JOIN (SELECT * FROM turn WHERE place <= coalesce(trunk_room, %(most)s) ORDER BY random() LIMIT %(most)s) t
        CROSS JOIN LATERAL (
            SELECT c.id, c.due_at FROM call c
            WHERE c.account_id = t.account_id AND c.trunk_id = t.trunk_id AND c.state IN ('scheduled', 'ready')
                AND c.due_at <= t.now_at
            ORDER BY c.due_at, c.id
            LIMIT least(t.room, greatest(1, %(most)s / t.queues), greatest(1, coalesce(t.trunk_room, %(most)s) / t.sharers))
            FOR NO KEY UPDATE SKIP LOCKED) c) c
    WHERE place <= room
)
UPDATE call c SET state = 'claimed', node_id = %(node)s
FROM picked, campaign p, account a
WHERE c.id = picked.id AND c.state IN ('scheduled', 'ready') AND p.id = c.campaign_id AND a.id = c.account_id
RETURNING c.id, c.account_id, p.id, p.public_id, c.position, c.number, c.product, p.kind, p.sha256, p.samples, c.reserved_micros,
    p.own_revision, p.default_revision, c.attempt, c.route, c.due_at, a.clock_offset_s, a.clock_moved_from, a.clock_moved_to,
    p.sender, a.mode, CASE WHEN c.route > 0 THEN ARRAY(
        SELECT t.route FROM attempt t WHERE t.call_id = c.id AND t.number > c.attempt - c.route ORDER BY t.number) END,
    a.own_countries;

-- name: lock_trunks
-- Whoever dials over a trunk does so alone, by id: so that what is counted next stays true until it is dialled.
SELECT id FROM trunk WHERE id = ANY(%(trunks)s::bigint[]) ORDER BY id FOR NO KEY UPDATE;

-- name: dial
-- Committed before a carrier is asked. Nothing is dialled by a node that was taken for dead, nor of a campaign that was
-- paused or cancelled meanwhile, nor of an account that was switched off, nor over a trunk beyond its room, nor where the
-- database stands elsewhere than it did: it may have forgotten what was dialled.
-- Each is looked up by its own index, in order, however large its campaign is; campaigns and accounts are asked one call
-- at a time, since joins would be turned around where the planner does not know these tables yet, locking again and again.
WITH locked AS MATERIALIZED (
    SELECT c.*, r.route, r.at, r.trunk_id
    FROM unnest(%(calls)s::bigint[], %(routes)s::text[], %(times)s::timestamptz[], %(trunks)s::bigint[])
        AS r (id, route, at, trunk_id)
    CROSS JOIN LATERAL (
        SELECT id, campaign_id, account_id FROM call
        WHERE id = r.id AND state = 'claimed' AND node_id = %(node)s FOR NO KEY UPDATE) c
    WHERE EXISTS (SELECT FROM node WHERE id = %(node)s AND lease_until > %(at)s FOR KEY SHARE)
        AND EXISTS (SELECT FROM instance WHERE place = database_place())
), mine AS MATERIALIZED (
    SELECT id, route, at, trunk_id FROM locked l
    WHERE (SELECT p.state FROM campaign p WHERE p.id = l.campaign_id) = 'active'
        AND (SELECT a.state FROM account a WHERE a.id = l.account_id) = 'active'
), roomy AS (
    SELECT m.* FROM (SELECT *, row_number() OVER (PARTITION BY trunk_id ORDER BY random()) AS place FROM mine) m
    LEFT JOIN unnest(%(open_trunks)s::bigint[], %(rooms)s::int[]) AS t (trunk_id, room) USING (trunk_id)
    WHERE m.trunk_id IS NULL OR m.place <= t.room
), dialed AS (
    UPDATE call c SET state = 'dialing', attempt = c.attempt + 1, trunk_id = coalesce(m.trunk_id, 0)
    FROM roomy m WHERE c.id = m.id AND c.state = 'claimed'
    RETURNING c.id, c.attempt, c.account_id, m.route, m.at, m.trunk_id
)
INSERT INTO attempt (call_id, number, account_id, route, dialed_at, trunk_id)
SELECT id, attempt, account_id, route, at, trunk_id FROM dialed RETURNING call_id, number;

-- name: give_back
-- Claimed calls that this node will not dial, in the queue of the trunk that they wait for, due later where told so.
UPDATE call c SET state = CASE p.state WHEN 'paused' THEN 'paused'::call_state ELSE 'ready' END, node_id = NULL,
    trunk_id = coalesce(r.trunk_id, c.trunk_id), due_at = coalesce(r.due_at, c.due_at)
FROM campaign p, unnest(%(calls)s::bigint[], %(trunks)s::bigint[], %(due)s::timestamptz[]) AS r (id, trunk_id, due_at), (
    SELECT id FROM call WHERE id = ANY(%(calls)s::bigint[]) AND node_id = %(node)s AND state = 'claimed'
    ORDER BY id FOR NO KEY UPDATE) w
WHERE c.id = w.id AND r.id = w.id AND p.id = c.campaign_id;

-- name: progress
-- What carriers say on the way; the end may have overtaken it.
WITH said AS MATERIALIZED (
    SELECT r.*, c.id FROM unnest(%(calls)s::bigint[], %(numbers)s::int[], %(ringing)s::timestamptz[], %(answered)s::timestamptz[])
        AS r (call_id, number, ringing_at, answered_at)
    JOIN call c ON c.id = r.call_id AND c.attempt = r.number AND c.state IN ('dialing', 'ringing')
    ORDER BY c.id FOR NO KEY UPDATE OF c
), moved AS (
    UPDATE call c SET state = CASE WHEN s.answered_at IS NOT NULL THEN 'answered'::call_state ELSE 'ringing' END
    FROM said s WHERE c.id = s.id AND c.state IN ('dialing', 'ringing')
)
UPDATE attempt a SET ringing_at = coalesce(s.ringing_at, a.ringing_at), answered_at = coalesce(s.answered_at, a.answered_at)
FROM said s WHERE a.call_id = s.call_id AND a.number = s.number AND a.outcome IS NULL;

-- name: file
-- Reports of attempts' ends, the first of each attempt alone. What was said on the way stays where a report does not know it:
-- one of a call that was lost knows nothing.
UPDATE attempt a SET outcome = r.outcome, ended_at = greatest(r.ended_at, a.dialed_at),
    ringing_at = coalesce(r.ringing_at, a.ringing_at), answered_at = coalesce(r.answered_at, a.answered_at),
    answerer = r.answerer, keys = r.keys, cause = r.cause, trace = r.trace
FROM unnest(%(calls)s::bigint[], %(numbers)s::int[], %(outcomes)s::text[], %(ended)s::timestamptz[], %(ringing)s::timestamptz[],
    %(answered)s::timestamptz[], %(answerers)s::text[], %(keys)s::text[], %(causes)s::int[], %(traces)s::jsonb[])
    AS r (call_id, number, outcome, ended_at, ringing_at, answered_at, answerer, keys, cause, trace)
WHERE a.call_id = r.call_id AND a.number = r.number AND a.outcome IS NULL AND a.is_open;

-- name: record
-- What the far end said, with the first report of an attempt alone: before it is filed.
INSERT INTO attempt_recording (call_id, number, alaw, recorded_at)
SELECT a.call_id, a.number, %(alaw)s, %(at)s FROM attempt a
WHERE a.call_id = %(call)s AND a.number = %(number)s AND a.outcome IS NULL AND a.is_open
FOR NO KEY UPDATE
ON CONFLICT DO NOTHING;

-- name: erase_recorded
DELETE FROM attempt_recording r USING (
    SELECT call_id, number FROM attempt_recording WHERE recorded_at < %(before)s
    ORDER BY recorded_at LIMIT %(most)s FOR UPDATE SKIP LOCKED) old
WHERE r.call_id = old.call_id AND r.number = old.number;

-- name: lock_filed
-- Calls whose last attempt has a filed report that nobody has acted on yet, with all that deciding takes.
SELECT c.id, c.account_id, c.campaign_id, p.public_id, c.position, c.number, c.product, p.kind, c.hold_id, c.reserved_micros,
    c.attempt, c.retried, c.route, p.state, p.retries, p.retry_spacing_s, p.own_revision, p.default_revision, p.notify_url,
    p.recording_name IS NOT NULL, p.samples, a.dialed_at, a.outcome, a.ended_at, a.ringing_at, a.answered_at, a.answerer, a.keys,
    a.cause, o.mode, o.clock_offset_s, ARRAY(
        SELECT t.route FROM attempt t WHERE t.call_id = c.id AND t.number >= c.attempt - c.route ORDER BY t.number)
FROM attempt a JOIN call c ON c.id = a.call_id AND c.attempt = a.number JOIN campaign p ON p.id = c.campaign_id
    JOIN account o ON o.id = c.account_id
WHERE a.call_id = ANY(%(calls)s::bigint[]) AND a.is_open AND a.outcome IS NOT NULL
    AND c.state IN ('dialing', 'ringing', 'answered')
ORDER BY c.id FOR NO KEY UPDATE OF c, a;

-- name: at_node
-- What a node has by the books, but for calls whose report is filed.
SELECT c.id, c.state::text, c.attempt FROM call c WHERE c.node_id = %(node)s
    AND NOT EXISTS (SELECT FROM attempt a WHERE a.call_id = c.id AND a.number = c.attempt AND a.is_open AND a.outcome IS NOT NULL);

-- name: filed
-- Reports that nobody has acted on: their node died in between, or failed to. What another node is about to settle is left
-- to it, as both would wait for each other's rows.
SELECT a.call_id FROM attempt a WHERE a.is_open AND a.outcome IS NOT NULL AND (%(node)s::bigint IS NULL OR NOT EXISTS (
    SELECT FROM call c JOIN node n ON n.id = c.node_id WHERE c.id = a.call_id AND n.id <> %(node)s AND n.lease_until > %(at)s))
ORDER BY a.call_id LIMIT %(most)s;

-- name: conclude
-- Ends calls, or makes them due again, and counts for their campaigns.
-- Returns the campaigns that are over with this.
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest(%(calls)s::bigint[], %(states)s::text[], %(outcomes)s::text[], %(durations)s::int[], %(costs)s::bigint[],
        %(ended)s::timestamptz[], %(due)s::timestamptz[], %(routes)s::int[], %(retried)s::int[], %(delivered)s::bool[])
        AS r (call_id, state, outcome, duration_s, cost_micros, ended_at, due_at, route, retried, delivered)
), moved AS (
    UPDATE call c SET state = r.state::call_state, outcome = r.outcome, duration_s = r.duration_s, cost_micros = r.cost_micros,
        ended_at = CASE WHEN r.cost_micros IS NOT NULL THEN r.ended_at END, due_at = coalesce(r.due_at, c.due_at),
        route = r.route, retried = r.retried, node_id = NULL, trunk_id = 0  -- another one may take it next
    FROM asked r WHERE c.id = r.call_id
    RETURNING c.campaign_id, c.reserved_micros, r.cost_micros, r.delivered, r.ended_at
), closed AS (
    UPDATE attempt a SET is_open = false FROM asked r WHERE a.call_id = r.call_id AND a.is_open
), counted AS MATERIALIZED (
    SELECT campaign_id, count(*)::int AS ended, count(*) FILTER (WHERE delivered)::int AS delivered,
        sum(reserved_micros)::bigint AS reserved_micros, sum(cost_micros)::bigint AS cost_micros, max(ended_at) AS ended_at
    FROM moved WHERE cost_micros IS NOT NULL GROUP BY campaign_id
), locked AS MATERIALIZED (
    SELECT p.id FROM campaign p WHERE p.id IN (SELECT campaign_id FROM counted) ORDER BY p.id FOR NO KEY UPDATE
)
UPDATE campaign p SET open = p.open - k.ended, delivered = p.delivered + k.delivered, held_micros = p.held_micros - k.reserved_micros,
    settled_micros = p.settled_micros + k.cost_micros,
    state = CASE WHEN p.open = k.ended AND p.state <> 'cancelled' THEN 'finished' ELSE p.state END,
    finished_at = CASE WHEN p.open = k.ended THEN greatest(k.ended_at, p.created_at) END
FROM locked l JOIN counted k ON k.campaign_id = l.id WHERE p.id = l.id
RETURNING p.id, p.open;

-- name: finished_campaigns
SELECT p.id, p.account_id, p.public_id, p.kind, p.state, p.total, p.delivered, p.settled_micros, p.notify_url, p.notify_token,
    p.email, p.recording_name, p.created_at, p.finished_at, o.mode
FROM campaign p JOIN account o ON o.id = p.account_id WHERE p.id = ANY(%(campaigns)s::bigint[]) ORDER BY p.id;

-- name: dead_nodes
-- Those that have left or were condemned, and those whose lease was over by a moment, where one is told.
SELECT id FROM node WHERE lease_until = '-infinity' OR lease_until <= %(dead_by)s
ORDER BY id FOR UPDATE SKIP LOCKED;

-- name: forsaken
-- Calls that a dead node had: what it had claimed, then what it was dialling without a filed report.
SELECT c.id, c.state::text, c.attempt FROM call c WHERE c.node_id = ANY(%(nodes)s::bigint[])
ORDER BY c.id LIMIT %(most)s FOR NO KEY UPDATE OF c;

-- name: return_forsaken
UPDATE call c SET state = CASE p.state WHEN 'paused' THEN 'paused'::call_state ELSE 'ready' END, node_id = NULL
FROM campaign p WHERE c.id = ANY(%(calls)s::bigint[]) AND c.state = 'claimed' AND p.id = c.campaign_id;

-- name: sound
SELECT alaw FROM sound WHERE sha256 = %(sha256)s;
