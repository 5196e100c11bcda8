-- The processes of a service, what waits for them, and the database that they share.

-- name: nodes
SELECT n.id, n.name, n.started_at, n.lease_until, n.lease_until > %(at)s,
    (SELECT count(*) FROM call c WHERE c.node_id = n.id) AS under_way,
    n.role, n.version, n.shares_limits, n.seen_at
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

-- name: database
SELECT current_setting('server_version'), pg_database_size(current_database()), (SELECT count(*) FROM pg_stat_activity
    WHERE backend_type = 'client backend'), current_setting('max_connections')::int;

-- name: replicas
-- Whoever is not a member of pg_monitor sees that they are there, and no more.
SELECT application_name, state, pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint, extract(epoch FROM replay_lag)::float8
FROM pg_stat_replication ORDER BY application_name, pid;
