-- Trunks and routes, how they fare, and what accounts send over them.

-- name: add_trunk
INSERT INTO trunk (name, engine, server, username, password, registers, caller_id, callers_allowed, number_format, is_asserted,
    calls_max, calls_per_s, created_at)
VALUES (%(name)s, %(engine)s, %(server)s, %(username)s, %(password)s, %(registers)s, %(caller_id)s, %(callers_allowed)s,
    %(number_format)s, %(is_asserted)s, %(calls_max)s, %(calls_per_s)s, %(at)s)
ON CONFLICT (name) DO NOTHING RETURNING id;

-- name: trunks
SELECT id, name, engine, server, username, password, registers, caller_id, callers_allowed, number_format, is_asserted,
    calls_max, calls_per_s, down_until, (SELECT count(*) FROM attempt a WHERE a.trunk_id = trunk.id AND a.outcome IS NULL)
FROM trunk ORDER BY name;

-- name: remove_trunk
-- Its routes go with it; calls under way over it go on.
DELETE FROM trunk WHERE name = %(name)s RETURNING id;

-- name: reachable
-- Written down where it changes alone, but while it stays down.
UPDATE trunk SET down_until = %(down_until)s
WHERE id = %(trunk)s AND (down_until IS NOT NULL OR %(down_until)s::timestamptz IS NOT NULL);

-- name: add_route
INSERT INTO route (name, trunk_id, prefix, serves, priority, weight, dial, hours, price_micros, created_at)
VALUES (%(name)s, %(trunk)s, %(prefix)s, %(serves)s, %(priority)s, %(weight)s, %(dial)s, %(hours)s, %(price_micros)s, %(at)s)
ON CONFLICT (name) DO NOTHING RETURNING name;

-- name: routes
SELECT t.id, t.name, t.engine, t.server, t.username, t.password, t.registers, t.caller_id, t.callers_allowed, t.number_format,
    t.is_asserted, t.calls_max, t.calls_per_s, r.name, r.prefix, r.serves, r.priority, r.weight, r.dial, r.hours, r.price_micros,
    greatest(r.down_until, t.down_until)
FROM route r JOIN trunk t ON t.id = r.trunk_id ORDER BY r.prefix, r.price_micros, r.priority, r.name;

-- name: remove_route
DELETE FROM route WHERE name = %(name)s RETURNING name;

-- name: heard
-- How routes fare. One that has failed too often in a row rests, each time for longer; one that works is back.
UPDATE route SET failures = f.failures, down_until = CASE WHEN f.failures >= %(most)s THEN %(at)s::timestamptz
        + make_interval(secs => least(%(first_s)s * 2 ^ least(f.failures - %(most)s, 20), %(longest_s)s)) END
FROM (SELECT r.name, h.failures + CASE WHEN h.recovered THEN 0 ELSE r.failures END AS failures
    FROM unnest(%(routes)s::text[], %(failures)s::int[], %(recovered)s::bool[]) AS h (name, failures, recovered)
    JOIN route r ON r.name = h.name ORDER BY r.name FOR NO KEY UPDATE OF r) f
WHERE route.name = f.name AND (route.failures, f.failures) <> (0, 0);

-- name: rooms
-- How many calls may begin over each trunk that is not down: those at once, those of the last second, and those of its
-- last fifth, so that a second's worth does not begin at one moment.
SELECT t.id, t.engine, greatest(least(t.calls_max - u.calls, t.calls_per_s - p.calls, (t.calls_per_s + 4) / 5 - p.lately), 0)::int,
    CASE WHEN u.calls < t.calls_max THEN greatest(s.opens_at, l.opens_at) END,
    EXISTS (SELECT FROM call c WHERE c.trunk_id = t.id AND c.state IN ('scheduled', 'ready') AND c.due_at <= %(at)s)
FROM trunk t
CROSS JOIN LATERAL (SELECT count(*) AS calls FROM attempt a WHERE a.trunk_id = t.id AND a.outcome IS NULL) u
CROSS JOIN LATERAL (
    SELECT count(*) AS calls, count(*) FILTER (WHERE a.dialed_at > %(at)s::timestamptz - interval '200 ms') AS lately
    FROM attempt a WHERE a.trunk_id = t.id AND a.dialed_at > %(at)s::timestamptz - interval '1 s') p
LEFT JOIN LATERAL (
    SELECT a.dialed_at + interval '1 s' AS opens_at FROM attempt a WHERE a.trunk_id = t.id
    ORDER BY a.dialed_at DESC OFFSET t.calls_per_s - 1 LIMIT 1) s ON true
LEFT JOIN LATERAL (
    SELECT a.dialed_at + interval '200 ms' AS opens_at FROM attempt a WHERE a.trunk_id = t.id
    ORDER BY a.dialed_at DESC OFFSET (t.calls_per_s + 4) / 5 - 1 LIMIT 1) l ON true
WHERE (t.down_until IS NULL OR t.down_until <= %(at)s) AND (%(trunks)s::bigint[] IS NULL OR t.id = ANY(%(trunks)s))
ORDER BY t.id;

-- name: use
-- Counts what an account sends; the rows are locked until the message is kept, or is not.
INSERT INTO usage (account_id, prefix, span, since, calls, micros)
SELECT %(account_id)s, * FROM unnest(%(prefixes)s::text[], %(spans)s::text[], %(since)s::timestamptz[], %(calls)s::bigint[],
    %(micros)s::bigint[])
ON CONFLICT (account_id, prefix, span, since) DO UPDATE SET calls = usage.calls + excluded.calls, micros = usage.micros + excluded.micros
RETURNING prefix, span, since, calls, micros;

-- name: alarms
-- Accounts that send more within an hour than is usual: told once an hour.
WITH fast AS (
    UPDATE usage SET is_told = true
    WHERE span = 'hour' AND since > %(at)s::timestamptz - interval '1 h' AND calls >= %(most)s AND NOT is_told
    RETURNING account_id, since, calls
), told AS (
    INSERT INTO event (account_id, type, data, at)
    SELECT account_id, 'velocity.high', jsonb_build_object('calls', calls, 'since', since), %(at)s FROM fast
)
SELECT account_id, calls FROM fast;

-- name: forget
DELETE FROM usage WHERE since < %(before)s;
