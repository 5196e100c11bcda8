-- Where the database stands, and what it may have forgotten.

-- name: look
-- Notes when it was first seen to stand elsewhere. A failover changes nothing but the timeline, the last part.
WITH moved AS (
    UPDATE instance SET moved_at = %(at)s
    WHERE place <> database_place() AND moved_at IS NULL RETURNING moved_at
)
SELECT database_place(), place <> database_place(), regexp_replace(place, '[^/]*$', '') = regexp_replace(database_place(), '[^/]*$', ''),
    coalesce(moved_at, (SELECT moved_at FROM moved))
FROM instance;

-- name: accept
-- It may stand here, unless it has moved again since that was looked at. Numbers that were given meanwhile, and forgotten,
-- are not given again: a node or a carrier may still know them.
WITH accepted AS (
    UPDATE instance SET place = %(here)s, moved_at = NULL
    WHERE place <> %(here)s AND database_place() = %(here)s RETURNING true
)
SELECT setval(pg_get_serial_sequence('call', 'id'), nextval(pg_get_serial_sequence('call', 'id')) + %(skipped)s),
    setval(pg_get_serial_sequence('node', 'id'), nextval(pg_get_serial_sequence('node', 'id')) + %(skipped)s)
FROM accepted;

-- name: waiting
-- What was due by a moment of ours, and what is due later; each by its account's clock.
SELECT count(*) FILTER (WHERE due), count(*) FILTER (WHERE NOT due) FROM (
    SELECT c.due_at <= %(until)s::timestamptz + make_interval(secs => a.clock_offset_s) AS due
    FROM call c JOIN account a ON a.id = c.account_id
    WHERE c.state IN ('scheduled', 'ready', 'paused', 'claimed')) w;

-- name: doubt
-- Calls that were due by a moment of ours get an attempt on paper: they may have been dialled, and nobody knows.
WITH doubtful AS MATERIALIZED (
    SELECT c.id, %(at)s::timestamptz + make_interval(secs => a.clock_offset_s) AS now_at
    FROM call c JOIN account a ON a.id = c.account_id
    WHERE c.state IN ('scheduled', 'ready', 'paused', 'claimed')
        AND c.due_at <= %(until)s::timestamptz + make_interval(secs => a.clock_offset_s)
    ORDER BY c.id LIMIT %(most)s FOR NO KEY UPDATE OF c
), doubted AS (
    UPDATE call c SET state = 'dialing', attempt = c.attempt + 1, node_id = %(node)s, trunk_id = 0
    FROM doubtful d WHERE c.id = d.id RETURNING c.id, c.attempt, c.account_id, d.now_at
)
INSERT INTO attempt (call_id, number, account_id, route, dialed_at)
SELECT id, attempt, account_id, %(route)s, now_at FROM doubted RETURNING call_id, number;
