-- Holds: opened and ended in batches, in the transaction that locked their accounts.

-- name: lock_accounts_of_holds
SELECT id FROM account
WHERE id IN (SELECT account_id FROM hold WHERE id = ANY(%(holds)s::bigint[]))
ORDER BY id FOR NO KEY UPDATE;

-- name: reserve
-- A batch of reserves: one row lock and one update an account, whatever the number of reserves.
-- An account's reserves are taken in order while their running sum fits; a later one that would fit only
-- because an earlier one was refused comes back as 'waiting' and is asked again. One on an account with credit
-- that has lapsed comes back as 'lapsed', to be asked again once that was taken.
WITH asked AS MATERIALIZED (
    SELECT DISTINCT ON (account_id, idempotency_key) account_id, amount_micros, idempotency_key, ord
    FROM unnest(%(account_ids)s::bigint[], %(amounts)s::bigint[], %(keys)s::text[])
        WITH ORDINALITY AS a (account_id, amount_micros, idempotency_key, ord)
    ORDER BY account_id, idempotency_key, ord
), known AS MATERIALIZED ( -- lateral, so that each is looked up by its index, however large the tables are
    SELECT k.*, CASE WHEN a.state = 'active' AND a.next_expiry_at <= %(at)s::timestamptz + make_interval(secs => a.clock_offset_s)
            THEN 'lapsed' ELSE a.state END AS state,
        a.available_micros, before.hold_id, before.held_micros, before.after_micros
    FROM asked k
    LEFT JOIN LATERAL (SELECT * FROM account WHERE id = k.account_id LIMIT 1) a ON true
    LEFT JOIN LATERAL (
        SELECT h.id AS hold_id, h.amount_micros AS held_micros, (
            SELECT t.available_after_micros FROM transfer t WHERE t.hold_id = h.id AND t.kind = 'reserve') AS after_micros
        FROM hold h WHERE h.account_id = k.account_id AND h.idempotency_key = k.idempotency_key LIMIT 1) before ON true
), running AS MATERIALIZED (
    SELECT *, (sum(amount_micros) OVER (PARTITION BY account_id ORDER BY ord))::bigint AS upto_micros
    FROM known WHERE hold_id IS NULL AND state = 'active'
), granted AS MATERIALIZED ( -- with the number of its hold, so that nothing needs to be matched afterwards
    SELECT *, nextval('hold_id_seq') AS new_hold_id FROM running WHERE upto_micros <= available_micros
), spent AS MATERIALIZED (
    SELECT account_id, max(upto_micros) AS spent_micros FROM granted GROUP BY account_id
), balance AS (
    UPDATE account a SET available_micros = a.available_micros - s.spent_micros, held_micros = a.held_micros + s.spent_micros
    FROM spent s WHERE a.id = s.account_id
), line AS MATERIALIZED ( -- the account's grants laid end to end, the earliest expiry first
    SELECT g.id AS grant_id, g.account_id, s.spent_micros, g.remaining_micros,
        (sum(g.remaining_micros) OVER (PARTITION BY g.account_id ORDER BY g.expires_at, g.id))::bigint AS upto_micros
    FROM spent s CROSS JOIN LATERAL (
        SELECT id, account_id, remaining_micros, expires_at FROM credit_grant
        WHERE account_id = s.account_id AND is_spendable OFFSET 0) g
), drained AS (
    UPDATE credit_grant g SET remaining_micros = g.remaining_micros
        - (least(l.upto_micros, l.spent_micros) - (l.upto_micros - l.remaining_micros))
    FROM line l WHERE g.id = l.grant_id AND l.upto_micros - l.remaining_micros < l.spent_micros
), opened AS (
    INSERT INTO hold (id, account_id, idempotency_key, amount_micros, created_at) OVERRIDING SYSTEM VALUE
    SELECT new_hold_id, account_id, idempotency_key, amount_micros, %(at)s FROM granted
), drawn AS (
    INSERT INTO draw (grant_id, hold_id, amount_micros)
    SELECT l.grant_id, g.new_hold_id, least(l.upto_micros, g.upto_micros)
        - greatest(l.upto_micros - l.remaining_micros, g.upto_micros - g.amount_micros)
    FROM granted g JOIN line l ON l.account_id = g.account_id
        AND l.upto_micros > g.upto_micros - g.amount_micros AND l.upto_micros - l.remaining_micros < g.upto_micros
), posted AS (
    INSERT INTO transfer (account_id, kind, amount_micros, available_after_micros, hold_id, at)
    SELECT account_id, 'reserve', amount_micros, available_micros - upto_micros, new_hold_id, %(at)s
    FROM granted ORDER BY account_id, upto_micros
)
SELECT account_id, idempotency_key, 'held' AS outcome, new_hold_id AS hold_id, amount_micros AS held_micros,
    available_micros - upto_micros AS after_micros
FROM granted
UNION ALL
SELECT account_id, idempotency_key, 'repeated', hold_id, held_micros, after_micros FROM known WHERE hold_id IS NOT NULL
UNION ALL
SELECT r.account_id, r.idempotency_key,
    CASE WHEN r.amount_micros <= r.available_micros - coalesce(s.spent_micros, 0) THEN 'waiting' ELSE 'refused' END,
    NULL, r.amount_micros, NULL
FROM running r LEFT JOIN spent s ON s.account_id = r.account_id WHERE r.upto_micros > r.available_micros
UNION ALL
SELECT account_id, idempotency_key, coalesce(state, 'unknown'), NULL, amount_micros, NULL
FROM known WHERE hold_id IS NULL AND state IS DISTINCT FROM 'active';

-- name: resolve
-- A batch of holds ended: each settles what was used of it and releases the rest, once. Only holds whose accounts
-- were locked are known here: another may have been opened since, and somebody else be ending it.
WITH asked AS MATERIALIZED (
    SELECT DISTINCT ON (hold_id) hold_id, used_micros, ord
    FROM unnest(%(holds)s::bigint[], %(used)s::bigint[]) WITH ORDINALITY AS a (hold_id, used_micros, ord)
    ORDER BY hold_id, ord
), ended AS MATERIALIZED (
    SELECT h.id, h.account_id, h.amount_micros, k.used_micros, h.amount_micros - k.used_micros AS back_micros, k.ord,
        (a.available_micros + sum(h.amount_micros - k.used_micros) OVER (PARTITION BY h.account_id ORDER BY k.ord))::bigint AS after_micros
    FROM asked k
    CROSS JOIN LATERAL ( -- by its index, however large the table is
        SELECT * FROM hold WHERE id = k.hold_id AND account_id = ANY(%(locked)s::bigint[]) LIMIT 1) h
    JOIN account a ON a.id = h.account_id
    WHERE h.settled_micros IS NULL AND k.used_micros <= h.amount_micros
), line AS MATERIALIZED ( -- a hold's draws laid end to end: what was used comes from the earliest expiry
    SELECT d.grant_id, d.hold_id, d.amount_micros, e.used_micros, g.account_id, g.expires_at,
        (sum(d.amount_micros) OVER (PARTITION BY d.hold_id ORDER BY g.expires_at, g.id))::bigint AS upto_micros
    FROM draw d JOIN ended e ON e.id = d.hold_id JOIN credit_grant g ON g.id = d.grant_id
), parted AS MATERIALIZED (
    SELECT grant_id, hold_id, account_id, expires_at, amount_micros,
        greatest(0, least(upto_micros, used_micros) - (upto_micros - amount_micros)) AS settled_micros FROM line
), drawn AS (
    UPDATE draw d SET settled_micros = p.settled_micros FROM parted p WHERE d.hold_id = p.hold_id AND d.grant_id = p.grant_id
), returned AS MATERIALIZED (
    SELECT grant_id, account_id, expires_at, sum(amount_micros - settled_micros)::bigint AS back_micros
    FROM parted GROUP BY grant_id, account_id, expires_at
), refilled AS (
    UPDATE credit_grant g SET remaining_micros = g.remaining_micros + r.back_micros
    FROM returned r WHERE g.id = r.grant_id AND r.back_micros > 0
), balance AS (
    UPDATE account a
    SET held_micros = a.held_micros - e.amount_micros, available_micros = a.available_micros + e.back_micros,
        next_expiry_at = least(a.next_expiry_at, (SELECT min(r.expires_at) FROM returned r WHERE r.account_id = a.id AND r.back_micros > 0))
    FROM (SELECT account_id, sum(amount_micros)::bigint AS amount_micros, sum(back_micros)::bigint AS back_micros
        FROM ended GROUP BY account_id) e
    WHERE a.id = e.account_id
), spent AS (
    INSERT INTO spending AS s (account_id, hour, micros)
    SELECT account_id, date_trunc('hour', %(at)s::timestamptz, 'UTC'), sum(used_micros)::bigint
    FROM ended WHERE used_micros > 0 GROUP BY account_id
    ON CONFLICT (account_id, hour) DO UPDATE SET micros = s.micros + excluded.micros
), closed AS (
    UPDATE hold h SET settled_micros = e.used_micros, resolved_at = %(at)s FROM ended e WHERE h.id = e.id
), posted AS (
    INSERT INTO transfer (account_id, kind, amount_micros, available_after_micros, hold_id, at)
    SELECT e.account_id, p.kind, CASE p.kind WHEN 'settle' THEN e.used_micros ELSE e.back_micros END,
        CASE p.kind WHEN 'settle' THEN e.after_micros - e.back_micros ELSE e.after_micros END, e.id, %(at)s
    FROM ended e CROSS JOIN (VALUES ('settle'::transfer_kind), ('release')) AS p (kind)
    WHERE CASE p.kind WHEN 'settle' THEN e.used_micros ELSE e.back_micros END > 0
    ORDER BY e.account_id, e.ord, p.kind
)
SELECT k.hold_id,
    CASE WHEN h.id IS NULL THEN 'unknown' WHEN e.id IS NOT NULL THEN 'resolved'
        WHEN h.settled_micros IS NULL THEN 'exceeded' WHEN h.settled_micros = k.used_micros THEN 'repeated'
        ELSE 'conflict' END AS outcome,
    h.amount_micros, coalesce(h.settled_micros, k.used_micros) AS settled_micros,
    coalesce(e.after_micros, (SELECT t.available_after_micros FROM transfer t
        WHERE t.hold_id = h.id AND t.kind IN ('settle', 'release') ORDER BY t.id DESC LIMIT 1)) AS available_after_micros
FROM asked k
LEFT JOIN LATERAL (
    SELECT * FROM hold WHERE id = k.hold_id AND account_id = ANY(%(locked)s::bigint[]) LIMIT 1) h ON true
LEFT JOIN ended e ON e.id = k.hold_id;
