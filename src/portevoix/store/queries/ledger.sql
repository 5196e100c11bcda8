-- name: lock_accounts
-- The first statement of every command: what follows it reads of these accounts is settled and stays so.
SELECT id FROM account WHERE id = ANY(%(accounts)s::bigint[]) ORDER BY id FOR NO KEY UPDATE;

-- name: expire
-- Takes what is left of lapsed grants. Costs a look at the accounts where nothing has lapsed.
WITH due AS MATERIALIZED (
    SELECT a.id, a.available_micros, n.now_at FROM account a
    CROSS JOIN LATERAL (SELECT %(at)s::timestamptz + make_interval(secs => a.clock_offset_s) AS now_at) n
    WHERE a.id = ANY(%(accounts)s::bigint[]) AND a.next_expiry_at <= n.now_at
), lapsed AS MATERIALIZED (
    SELECT g.id, g.account_id, g.remaining_micros AS amount_micros
    FROM credit_grant g JOIN due d ON d.id = g.account_id
    WHERE g.is_spendable AND g.expires_at <= d.now_at
), taken AS MATERIALIZED (
    SELECT account_id, sum(amount_micros)::bigint AS amount_micros FROM lapsed GROUP BY account_id
), emptied AS (
    UPDATE credit_grant g SET remaining_micros = 0 FROM lapsed l WHERE g.id = l.id
), balance AS (
    UPDATE account a
    SET available_micros = a.available_micros - coalesce((SELECT t.amount_micros FROM taken t WHERE t.account_id = a.id), 0),
        next_expiry_at = (SELECT min(g.expires_at) FROM credit_grant g
            WHERE g.account_id = a.id AND g.is_spendable AND g.expires_at > d.now_at)
    FROM due d WHERE a.id = d.id
), posted AS (
    INSERT INTO transfer (account_id, kind, amount_micros, available_after_micros, at)
    SELECT t.account_id, 'expiry', t.amount_micros, d.available_micros - t.amount_micros, %(at)s
    FROM taken t JOIN due d ON d.id = t.account_id
    RETURNING id, account_id
)
INSERT INTO draw (grant_id, transfer_id, amount_micros, settled_micros)
SELECT l.id, p.id, l.amount_micros, l.amount_micros FROM lapsed l JOIN posted p ON p.account_id = l.account_id;

-- name: accounts_to_expire
SELECT id FROM account WHERE next_expiry_at <= %(at)s::timestamptz + make_interval(secs => clock_offset_s) ORDER BY id;

-- name: balance
SELECT available_micros, held_micros FROM account WHERE id = %(account_id)s;

-- name: unlapsed_balance
SELECT a.available_micros - lapsed.micros, a.held_micros FROM account a
CROSS JOIN LATERAL (SELECT coalesce(sum(g.remaining_micros), 0)::bigint AS micros FROM credit_grant g
    WHERE g.account_id = a.id AND g.is_spendable AND g.expires_at <= %(at)s::timestamptz + make_interval(secs => a.clock_offset_s)) lapsed
WHERE a.id = %(account_id)s;

-- name: posted_before
SELECT t.id, t.available_after_micros, t.kind::text, t.amount_micros, t.reason, g.kind AS grant_kind, g.expires_at, t.hold_id,
    (SELECT c.account_id FROM transfer c WHERE c.counterpart_id = t.id) AS counterpart_account_id
FROM transfer t LEFT JOIN credit_grant g ON g.transfer_id = t.id
WHERE t.account_id = %(account_id)s AND t.idempotency_key = %(key)s;

-- name: credit
-- Gives credit from outside the account: a top-up, a refund, a credit adjustment. Opens a grant.
WITH balance AS (
    UPDATE account SET available_micros = available_micros + %(amount)s,
        next_expiry_at = least(next_expiry_at, %(expires_at)s::timestamptz)
    WHERE id = %(account_id)s RETURNING id, available_micros
), posted AS (
    INSERT INTO transfer (account_id, kind, amount_micros, available_after_micros, hold_id, idempotency_key, reason, at)
    SELECT id, %(kind)s::transfer_kind, %(amount)s, available_micros, %(hold_id)s, %(key)s, %(reason)s, %(at)s FROM balance
    RETURNING id, account_id, available_after_micros
), given AS (
    INSERT INTO credit_grant (account_id, transfer_id, kind, amount_micros, remaining_micros, expires_at)
    SELECT account_id, id, %(grant_kind)s, %(amount)s, %(amount)s, %(expires_at)s FROM posted
), unspent AS (
    INSERT INTO spending AS s (account_id, hour, micros)
    SELECT account_id, date_trunc('hour', %(at)s::timestamptz, 'UTC'), -%(amount)s::bigint FROM posted WHERE %(kind)s = 'refund'
    ON CONFLICT (account_id, hour) DO UPDATE SET micros = s.micros + excluded.micros
)
SELECT id, available_after_micros FROM posted;

-- name: take_refund
-- Counts a refund against what its hold settled; no row where that would be exceeded.
UPDATE hold SET refunded_micros = refunded_micros + %(amount)s
WHERE id = %(hold_id)s AND refunded_micros + %(amount)s <= settled_micros
RETURNING account_id;

-- name: take_refund_of_past
-- The same for a hold that was archived: asked second, since one that is being archived is there by then.
UPDATE past_hold SET refunded_micros = refunded_micros + %(amount)s
WHERE id = %(hold_id)s AND refunded_micros + %(amount)s <= settled_micros
RETURNING account_id;

-- name: debit
-- Takes credit away without a hold: a debit adjustment, an allotment. No row where there is too little.
WITH balance AS (
    UPDATE account SET available_micros = available_micros - %(amount)s
    WHERE id = %(account_id)s AND available_micros >= %(amount)s RETURNING id, available_micros
), posted AS (
    INSERT INTO transfer (account_id, kind, amount_micros, available_after_micros, idempotency_key, reason, at)
    SELECT id, %(kind)s::transfer_kind, %(amount)s, available_micros, %(key)s, %(reason)s, %(at)s FROM balance
    RETURNING id, account_id, available_after_micros
), line AS MATERIALIZED (
    SELECT g.id AS grant_id, p.id AS transfer_id, g.remaining_micros,
        (sum(g.remaining_micros) OVER (ORDER BY g.expires_at, g.id))::bigint AS upto_micros
    FROM credit_grant g JOIN posted p ON p.account_id = g.account_id WHERE g.is_spendable
), parted AS MATERIALIZED (
    SELECT grant_id, transfer_id, least(upto_micros, %(amount)s) - (upto_micros - remaining_micros) AS amount_micros
    FROM line WHERE upto_micros - remaining_micros < %(amount)s
), drained AS (
    UPDATE credit_grant g SET remaining_micros = g.remaining_micros - p.amount_micros FROM parted p WHERE g.id = p.grant_id
), drawn AS (
    INSERT INTO draw (grant_id, transfer_id, amount_micros, settled_micros)
    SELECT grant_id, transfer_id, amount_micros, amount_micros FROM parted
)
SELECT id, available_after_micros FROM posted;

-- name: receive_allotment
-- The other half of an allotment: its grants keep the kind and expiry that they had on the giving side.
WITH sent AS MATERIALIZED (
    SELECT g.kind, g.expires_at, sum(d.amount_micros)::bigint AS amount_micros
    FROM draw d JOIN credit_grant g ON g.id = d.grant_id WHERE d.transfer_id = %(transfer_id)s GROUP BY g.kind, g.expires_at
), balance AS (
    UPDATE account SET available_micros = available_micros + %(amount)s,
        next_expiry_at = least(next_expiry_at, (SELECT min(expires_at) FROM sent))
    WHERE id = %(account_id)s RETURNING id, available_micros
), posted AS (
    INSERT INTO transfer (account_id, kind, amount_micros, available_after_micros, counterpart_id, reason, at)
    SELECT id, 'allotment_in', %(amount)s, available_micros, %(transfer_id)s, %(reason)s, %(at)s FROM balance
    RETURNING id, account_id
)
INSERT INTO credit_grant (account_id, transfer_id, kind, amount_micros, remaining_micros, expires_at)
SELECT p.account_id, p.id, s.kind, s.amount_micros, s.amount_micros, s.expires_at FROM posted p CROSS JOIN sent s;

-- name: family
SELECT id, parent_id FROM account WHERE id = ANY(%(accounts)s::bigint[]);

-- name: hold_account
SELECT account_id FROM every_hold WHERE id = %(hold_id)s;

-- name: statement
SELECT t.id, t.at, t.kind::text, t.amount_micros, p.available_change_micros, p.held_change_micros, t.available_after_micros,
    t.hold_id, a.public_id AS counterpart, t.reason,
    coalesce(t.idempotency_key, CASE t.kind WHEN 'reserve' THEN h.idempotency_key END) AS idempotency_key
FROM every_transfer t
CROSS JOIN LATERAL (
    SELECT coalesce(sum(s.sign * t.amount_micros) FILTER (WHERE s.side = 'available'), 0)::bigint AS available_change_micros,
        coalesce(sum(s.sign * t.amount_micros) FILTER (WHERE s.side = 'held'), 0)::bigint AS held_change_micros
    FROM side_of_kind s WHERE s.kind = t.kind) p
LEFT JOIN LATERAL (
    SELECT idempotency_key FROM every_hold
    WHERE id = t.hold_id AND (month IS NULL OR month = t.month) LIMIT 1) h ON true
LEFT JOIN LATERAL (SELECT account_id FROM transfer WHERE id = t.counterpart_id LIMIT 1) sent ON true
LEFT JOIN LATERAL (SELECT account_id FROM transfer WHERE counterpart_id = t.id LIMIT 1) received ON true
LEFT JOIN account a ON a.id = coalesce(sent.account_id, received.account_id)
WHERE t.account_id = %(account_id)s AND t.id > %(after_id)s
ORDER BY t.id LIMIT %(most)s;

-- name: first_transfer_from
-- The least number from which on an account's transfers are of a moment or later: what lies between its first and its last
-- is halved again and again, since times grow with numbers.
WITH RECURSIVE halving (low, high) AS (
    SELECT (SELECT id FROM every_transfer WHERE account_id = %(account_id)s ORDER BY id LIMIT 1),
        (SELECT id + 1 FROM every_transfer WHERE account_id = %(account_id)s ORDER BY id DESC LIMIT 1)
    UNION ALL
    SELECT CASE WHEN p.at < %(moment)s THEN p.id + 1 ELSE h.low END, CASE WHEN p.at < %(moment)s THEN h.high ELSE h.middle END
    FROM (SELECT low, high, (low + high) / 2 AS middle FROM halving WHERE low < high) h
    LEFT JOIN LATERAL (SELECT t.id, t.at FROM every_transfer t
        WHERE t.account_id = %(account_id)s AND t.id >= h.middle AND t.id < h.high ORDER BY t.id LIMIT 1) p ON true
)
SELECT low FROM halving WHERE low >= high;

-- name: newest_transfers
SELECT t.id FROM every_transfer t
WHERE t.account_id = %(account_id)s AND t.id >= %(from_id)s AND t.id < %(before_id)s
    AND (%(kinds)s::transfer_kind[] IS NULL OR t.kind = ANY(%(kinds)s))
    AND (%(first)s::timestamptz IS NULL OR t.at >= %(first)s) AND (%(until)s::timestamptz IS NULL OR t.at < %(until)s)
ORDER BY t.id DESC LIMIT %(most)s;

-- name: newest_seldom_transfers
-- Of kinds that calls do not make, which have an index of their own, and are never archived.
SELECT t.id FROM transfer t
WHERE t.account_id = %(account_id)s AND t.id >= %(from_id)s AND t.id < %(before_id)s
    AND t.kind NOT IN ('reserve', 'settle', 'release') AND t.kind = ANY(%(kinds)s::transfer_kind[])
    AND (%(first)s::timestamptz IS NULL OR t.at >= %(first)s) AND (%(until)s::timestamptz IS NULL OR t.at < %(until)s)
ORDER BY t.id DESC LIMIT %(most)s;

-- name: lines
-- Transfers as their account sees them, the newest first, each with the call that it was for: a hold's key names it.
SELECT t.id, t.at, t.kind::text, t.amount_micros, p.available_change_micros, p.held_change_micros, t.available_after_micros,
    t.hold_id, a.public_id AS counterpart, t.reason, t.idempotency_key,
    CASE WHEN c.id IS NOT NULL THEN coalesce(h.idempotency_key, r.idempotency_key) END AS call
FROM every_transfer t
CROSS JOIN LATERAL (
    SELECT coalesce(sum(s.sign * t.amount_micros) FILTER (WHERE s.side = 'available'), 0)::bigint AS available_change_micros,
        coalesce(sum(s.sign * t.amount_micros) FILTER (WHERE s.side = 'held'), 0)::bigint AS held_change_micros
    FROM side_of_kind s WHERE s.kind = t.kind) p
LEFT JOIN LATERAL (
    SELECT idempotency_key FROM every_hold
    WHERE id = t.hold_id AND (month IS NULL OR month = t.month) LIMIT 1) h ON true
LEFT JOIN LATERAL ( -- a refund stays when its hold is archived
    SELECT idempotency_key FROM past_hold WHERE id = t.hold_id AND t.kind = 'refund' LIMIT 1) r ON true
LEFT JOIN LATERAL (
    SELECT id FROM campaign
    WHERE public_id = split_part(coalesce(h.idempotency_key, r.idempotency_key), '-', 1) AND account_id = t.account_id
    LIMIT 1) c ON true
LEFT JOIN LATERAL (SELECT account_id FROM transfer WHERE id = t.counterpart_id LIMIT 1) sent ON true
LEFT JOIN LATERAL (SELECT account_id FROM transfer WHERE counterpart_id = t.id LIMIT 1) received ON true
LEFT JOIN account a ON a.id = coalesce(sent.account_id, received.account_id)
WHERE t.id = ANY(%(transfers)s::bigint[])
ORDER BY t.id DESC;

-- name: keep_past
-- Before the snapshot of a check: calls that were erased during it would be missed.
LOCK TABLE past_call, past_attempt, past_webhook IN ACCESS SHARE MODE;

-- name: spending
-- Days are those of a time zone whose offset is of whole hours; the first one is whole.
SELECT (hour AT TIME ZONE %(zone)s)::date AS day, sum(micros)::bigint AS micros FROM spending
WHERE account_id = %(account_id)s AND hour >= %(first)s::date::timestamp AT TIME ZONE %(zone)s
GROUP BY day;
