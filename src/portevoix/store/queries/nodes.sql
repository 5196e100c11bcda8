-- The processes that dial, and what waits for them.

-- name: nodes
SELECT n.id, n.name, n.started_at, n.lease_until, n.lease_until > %(at)s,
    (SELECT count(*) FROM call c WHERE c.node_id = n.id) AS under_way
FROM node n WHERE isfinite(n.lease_until) ORDER BY n.id DESC;

-- name: queues
-- A sandbox's clock may be ahead: its calls are due by it, and told as of ours.
WITH waiting AS (
    SELECT c.due_at - make_interval(secs => a.clock_offset_s) AS due_at FROM call c JOIN account a ON a.id = c.account_id
    WHERE c.state IN ('scheduled', 'ready')
), jobs AS (
    SELECT task_name, count(*) AS jobs FROM procrastinate_jobs WHERE status IN ('todo', 'doing') GROUP BY task_name
)
SELECT count(*) FILTER (WHERE due_at <= %(at)s), min(due_at) FILTER (WHERE due_at <= %(at)s),
    count(*) FILTER (WHERE due_at > %(at)s),
    coalesce((SELECT jobs FROM jobs WHERE task_name = %(webhooks)s), 0),
    coalesce((SELECT jobs FROM jobs WHERE task_name = %(mails)s), 0)
FROM waiting;
