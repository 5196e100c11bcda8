-- What customers are told: events, webhooks with the log of their tries, mails.

-- name: record_events
-- All in one document: an array of texts full of quotes is slow to write.
INSERT INTO event (account_id, type, data, at)
SELECT * FROM jsonb_to_recordset(%(events)s::jsonb) AS r (account_id bigint, type text, data jsonb, at timestamptz);

-- name: keep_webhooks
INSERT INTO webhook (public_id, account_id, campaign_id, call_id, method, url, body, created_at, due_at)
SELECT * FROM unnest(%(ids)s::text[], %(accounts)s::bigint[], %(campaigns)s::bigint[], %(calls)s::bigint[], %(methods)s::text[],
    %(urls)s::text[], %(bodies)s::bytea[], %(times)s::timestamptz[], %(due)s::timestamptz[])
RETURNING id, public_id;

-- name: webhook_to_deliver
SELECT w.id, w.public_id, w.account_id, w.method, w.url, w.body, w.state, w.attempts, a.webhook_generation, a.webhook_rotated_at,
    EXISTS (SELECT FROM webhook_gone g WHERE g.account_id = w.account_id AND g.url = p.notify_url)
FROM webhook w JOIN account a ON a.id = w.account_id JOIN campaign p ON p.id = w.campaign_id WHERE w.id = %(webhook)s;

-- name: log_try
-- A try of a webhook, and what became of it. The tries that a replay makes are counted on.
WITH logged AS (
    INSERT INTO webhook_attempt (webhook_id, number, at, status, fault, body, duration_ms)
    SELECT %(webhook)s, coalesce(max(number), 0) + 1, %(at)s, %(status)s, %(fault)s, %(body)s, %(duration_ms)s
    FROM webhook_attempt WHERE webhook_id = %(webhook)s
), gone AS (
    INSERT INTO webhook_gone (account_id, url, at)
    SELECT p.account_id, p.notify_url, %(at)s FROM webhook w JOIN campaign p ON p.id = w.campaign_id
    WHERE w.id = %(webhook)s AND %(state)s = 'disabled' ON CONFLICT DO NOTHING
), moved AS (
    UPDATE webhook SET state = %(state)s, attempts = attempts + 1, due_at = %(due_at)s WHERE id = %(webhook)s
    RETURNING account_id, public_id
)
INSERT INTO event (account_id, type, data, at)
SELECT account_id, 'webhook.' || %(state)s, jsonb_build_object('webhook', public_id, 'status', %(status)s::int,
    'fault', %(fault)s::text), %(at)s FROM moved WHERE %(state)s <> 'pending';

-- name: disable_webhook
UPDATE webhook SET state = 'disabled', due_at = NULL WHERE id = %(webhook)s AND state = 'pending';

-- name: replay
-- Makes a webhook due again, and its destination good again.
WITH replayed AS (
    UPDATE webhook SET state = 'pending', attempts = 0, due_at = %(at)s
    WHERE account_id = %(account_id)s AND public_id = %(public_id)s RETURNING id, account_id, call_id, campaign_id
), opened AS (
    DELETE FROM webhook_gone g USING replayed r JOIN campaign p ON p.id = r.campaign_id
    WHERE g.account_id = r.account_id AND g.url = p.notify_url
)
SELECT id, call_id, campaign_id FROM replayed;

-- name: hurry
-- A webhook's jobs that wait for their time need wait no longer.
UPDATE procrastinate_jobs SET scheduled_at = NULL
WHERE lock = %(lock)s AND status = 'todo' AND task_name = %(task)s AND args @> jsonb_build_object('webhook', %(webhook)s::bigint)
RETURNING id;

-- name: webhooks
-- A row for each try, so that a webhook and its tries are of one moment.
WITH page AS MATERIALIZED (
    SELECT w.id, w.public_id, p.public_id AS campaign, c.position, w.method, w.url, w.body, w.state, w.created_at, w.due_at,
        w.month
    FROM every_webhook w JOIN campaign p ON p.id = w.campaign_id LEFT JOIN every_call c ON c.id = w.call_id
        AND (c.month IS NULL OR c.month = date_trunc('month', p.finished_at AT TIME ZONE 'UTC')::date)
    WHERE w.account_id = %(account_id)s AND (%(public_id)s::text IS NULL OR w.public_id = %(public_id)s)
        AND (%(state)s::text IS NULL OR w.state = %(state)s)
        AND (%(before_id)s::bigint IS NULL OR w.id < %(before_id)s)
    ORDER BY w.id DESC LIMIT %(most)s
)
SELECT g.id, g.public_id, g.campaign, g.position, g.method, g.url, g.body, g.state, g.created_at, g.due_at,
    a.number, a.at, a.status, a.fault, a.body, a.duration_ms
FROM page g LEFT JOIN LATERAL (
    SELECT * FROM every_webhook_attempt WHERE webhook_id = g.id AND (month IS NULL OR month = g.month) OFFSET 0) a ON true
ORDER BY g.id DESC, a.number;

-- name: webhooks_of_calls
-- What was told of some calls, and of their messages as a whole: only deposits are told of so, once each.
WITH asked AS (
    SELECT p.id, p.public_id, p.kind, p.month, c.id AS call_id, c.position
    FROM unnest(%(campaigns)s::text[], %(positions)s::int[]) AS k (campaign, position)
    CROSS JOIN LATERAL (
        SELECT id, public_id, kind, date_trunc('month', finished_at AT TIME ZONE 'UTC')::date AS month FROM campaign
        WHERE public_id = k.campaign AND account_id = %(account_id)s LIMIT 1) p
    CROSS JOIN LATERAL (
        SELECT id, position FROM every_call
        WHERE campaign_id = p.id AND position = k.position AND (month IS NULL OR month = p.month) LIMIT 1) c
), page AS MATERIALIZED (
    SELECT w.id, w.public_id, q.public_id AS campaign, q.position, w.method, w.url, w.body, w.state, w.created_at, w.due_at,
        w.month
    FROM asked q CROSS JOIN LATERAL (
        SELECT * FROM every_webhook WHERE call_id = q.call_id AND (month IS NULL OR month = q.month) OFFSET 0) w
    UNION
    SELECT w.id, w.public_id, q.public_id, NULL, w.method, w.url, w.body, w.state, w.created_at, w.due_at,
        w.month
    FROM asked q CROSS JOIN LATERAL (
        SELECT * FROM every_webhook
        WHERE campaign_id = q.id AND call_id IS NULL AND (month IS NULL OR month = q.month) OFFSET 0) w
    WHERE q.kind = 'deposit'
)
SELECT g.id, g.public_id, g.campaign, g.position, g.method, g.url, g.body, g.state, g.created_at, g.due_at,
    a.number, a.at, a.status, a.fault, a.body, a.duration_ms
FROM page g LEFT JOIN LATERAL (
    SELECT * FROM every_webhook_attempt WHERE webhook_id = g.id AND (month IS NULL OR month = g.month) OFFSET 0) a ON true
ORDER BY g.id DESC, a.number;

-- name: secret_generation
SELECT webhook_generation, webhook_rotated_at FROM account WHERE id = %(account_id)s;

-- name: rotate_secret
UPDATE account SET webhook_generation = webhook_generation + 1, webhook_rotated_at = %(at)s
WHERE id = %(account_id)s AND (%(instead_of)s::integer IS NULL OR webhook_generation = %(instead_of)s)
RETURNING webhook_generation, webhook_rotated_at;

-- name: keep_mail
INSERT INTO mail (account_id, campaign_id, recipient, subject, text, state, created_at)
VALUES (%(account_id)s, %(campaign_id)s, %(recipient)s, %(subject)s, %(text)s, %(state)s, %(at)s)
ON CONFLICT (campaign_id) DO NOTHING RETURNING id;

-- name: mail_to_send
SELECT m.id, p.public_id, m.recipient, m.subject, m.text, m.state, m.fault, m.created_at
FROM mail m JOIN campaign p ON p.id = m.campaign_id WHERE m.id = %(mail)s;

-- name: mail_is
UPDATE mail SET state = %(state)s, fault = %(fault)s WHERE id = %(mail)s;

-- name: mails
SELECT m.id, p.public_id, m.recipient, m.subject, m.text, m.state, m.fault, m.created_at
FROM mail m JOIN campaign p ON p.id = m.campaign_id WHERE m.account_id = %(account_id)s ORDER BY m.id DESC LIMIT %(most)s;
