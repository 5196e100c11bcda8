-- name: new_account
-- The live account and its sandbox twin; a parent's twin is the parent of the twin.
INSERT INTO account (public_id, mode, parent_id, name, created_at)
SELECT %(public_id)s, m.mode, p.id, %(name)s, %(at)s
FROM (VALUES ('live'), ('sandbox')) AS m (mode)
LEFT JOIN account p ON p.public_id = %(parent)s AND p.mode = m.mode
ON CONFLICT (public_id, mode) DO NOTHING RETURNING id, mode;

-- name: account_by_ref
SELECT a.id, a.public_id, a.mode, a.name, a.state, p.public_id AS parent, t.name AS tariff,
    a.available_micros - lapsed.micros AS available_micros, a.held_micros, a.low_balance_micros, a.created_at,
    a.own_cap, a.own_countries
FROM account a
LEFT JOIN account p ON p.id = a.parent_id
LEFT JOIN tariff t ON t.id = a.tariff_id
CROSS JOIN LATERAL (SELECT coalesce(sum(g.remaining_micros), 0)::bigint AS micros FROM credit_grant g
    WHERE g.account_id = a.id AND g.is_spendable AND g.expires_at <= %(at)s::timestamptz + make_interval(secs => a.clock_offset_s)) lapsed
WHERE a.public_id = %(public_id)s AND a.mode = %(mode)s;

-- name: access_of_account
SELECT a.id, a.state,
    a.available_micros - CASE WHEN a.next_expiry_at <= n.now_at THEN (
        SELECT coalesce(sum(g.remaining_micros), 0)::bigint FROM credit_grant g
        WHERE g.account_id = a.id AND g.is_spendable AND g.expires_at <= n.now_at) ELSE 0 END AS available_micros,
    (SELECT r.id FROM tariff_revision r WHERE r.tariff_id = a.tariff_id AND r.effective_from <= %(at)s
        ORDER BY r.effective_from DESC LIMIT 1) AS own_revision,
    (SELECT r.id FROM tariff_revision r JOIN tariff t ON t.id = r.tariff_id WHERE t.is_default AND r.effective_from <= %(at)s
        ORDER BY r.effective_from DESC LIMIT 1) AS default_revision,
    a.clock_offset_s, a.own_cap, a.own_countries
FROM account a
CROSS JOIN LATERAL (SELECT %(at)s::timestamptz + make_interval(secs => a.clock_offset_s) AS now_at) n
WHERE a.public_id = %(public_id)s AND a.mode = %(mode)s;

-- name: accounts
SELECT a.id, a.public_id, a.mode, a.name, a.state, p.public_id AS parent, t.name AS tariff,
    a.available_micros - lapsed.micros AS available_micros, a.held_micros, a.low_balance_micros, a.created_at,
    a.own_cap, a.own_countries
FROM account a
LEFT JOIN account p ON p.id = a.parent_id
LEFT JOIN tariff t ON t.id = a.tariff_id
CROSS JOIN LATERAL (SELECT coalesce(sum(g.remaining_micros), 0)::bigint AS micros FROM credit_grant g
    WHERE g.account_id = a.id AND g.is_spendable AND g.expires_at <= %(at)s::timestamptz + make_interval(secs => a.clock_offset_s)) lapsed
ORDER BY a.id;

-- name: set_state
-- Both ledgers of the account, or the one that was named.
-- Locked by id, as every command locks them.
UPDATE account SET state = %(state)s WHERE id IN (
    SELECT id FROM account WHERE public_id = %(public_id)s AND (mode = %(mode)s OR %(mode)s = 'live')
    ORDER BY id FOR NO KEY UPDATE) RETURNING id;

-- name: set_low_balance
UPDATE account SET low_balance_micros = %(threshold)s
WHERE public_id = %(public_id)s AND mode = %(mode)s RETURNING id;

-- name: set_own_cap
UPDATE account SET own_cap = %(cap)s WHERE public_id = %(public_id)s AND mode = %(mode)s RETURNING id;

-- name: set_own_countries
UPDATE account SET own_countries = %(countries)s WHERE public_id = %(public_id)s AND mode = %(mode)s RETURNING id;

-- name: events
-- Those that no transaction under way can come before. One whose id is not known begins from the first.
SELECT id, type, data, at FROM event
WHERE account_id = %(account_id)s AND xid < pg_snapshot_xmin(pg_current_snapshot()) AND (xid, id) > (
    coalesce((SELECT xid FROM event WHERE id = %(after_id)s AND account_id = %(account_id)s), '0'), %(after_id)s::bigint)
ORDER BY xid, id LIMIT %(most)s;

-- name: events_held_back
SELECT EXISTS (SELECT FROM event WHERE account_id = %(account_id)s AND xid >= pg_snapshot_xmin(pg_current_snapshot()));

-- name: last_event
SELECT id FROM event WHERE account_id = %(account_id)s AND xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY xid DESC, id DESC LIMIT 1;

-- name: search_accounts
-- Live accounts, the newest first: those whose name or id has a text in it, or the sub-accounts of one.
SELECT a.id, a.public_id, a.mode, a.name, a.state, p.public_id AS parent, t.name AS tariff,
    a.available_micros - lapsed.micros AS available_micros, a.held_micros, a.low_balance_micros, a.created_at,
    a.own_cap, a.own_countries
FROM account a
LEFT JOIN account p ON p.id = a.parent_id
LEFT JOIN tariff t ON t.id = a.tariff_id
CROSS JOIN LATERAL (SELECT coalesce(sum(g.remaining_micros), 0)::bigint AS micros FROM credit_grant g
    WHERE g.account_id = a.id AND g.is_spendable AND g.expires_at <= %(at)s) lapsed
WHERE a.mode = 'live' AND (%(before)s::bigint IS NULL OR a.id < %(before)s)
    AND (strpos(lower(a.name), lower(%(text)s)) > 0 OR strpos(a.public_id, lower(%(text)s)) > 0)
    AND (%(parent)s::text IS NULL OR p.public_id = %(parent)s)
ORDER BY a.id DESC LIMIT %(most)s;
