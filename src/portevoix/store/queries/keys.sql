-- name: new_key
INSERT INTO api_key (public_id, account_id, digest, hint, name, scopes, allowed, created_at, expires_at)
VALUES (%(public_id)s, %(account_id)s, %(digest)s, %(hint)s, %(name)s, %(scopes)s, %(allowed)s::cidr[], %(at)s, %(expires_at)s)
RETURNING id;

-- name: keys
SELECT k.public_id, a.public_id AS account, a.mode, k.name, k.hint, k.scopes, k.allowed::text[] AS allowed, k.created_at,
    k.last_used_at, k.expires_at, k.revoked_at
FROM api_key k JOIN account a ON a.id = k.account_id
WHERE (%(account)s::text IS NULL OR a.public_id = %(account)s) AND (%(key)s::text IS NULL OR k.public_id = %(key)s)
ORDER BY k.id;

-- name: revoke_key
UPDATE api_key SET revoked_at = coalesce(revoked_at, %(at)s) WHERE public_id = %(key)s RETURNING id;

-- name: expire_key
-- Never lengthens a key's life; tells when it would have ended.
UPDATE api_key k SET expires_at = least(k.expires_at, %(expires_at)s)
FROM (SELECT id, expires_at FROM api_key WHERE public_id = %(key)s FOR NO KEY UPDATE) before
WHERE k.id = before.id AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > %(at)s)
RETURNING k.account_id, k.name, k.scopes, k.allowed::text[] AS allowed, before.expires_at;

-- name: touch_keys
UPDATE api_key k SET last_used_at = greatest(k.last_used_at, u.at)
FROM (SELECT id FROM api_key WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR NO KEY UPDATE) locked
JOIN unnest(%(ids)s::bigint[], %(times)s::timestamptz[]) AS u (id, at) ON u.id = locked.id
WHERE k.id = locked.id;

-- name: access
-- Everything that a request needs to know of its key, for a batch of keys.
SELECT k.digest, k.id AS key_id, a.id AS account_id, a.state, k.scopes, k.allowed::text[] AS allowed,
    a.available_micros - CASE WHEN a.next_expiry_at <= n.now_at THEN (
        SELECT coalesce(sum(g.remaining_micros), 0)::bigint FROM credit_grant g
        WHERE g.account_id = a.id AND g.is_spendable AND g.expires_at <= n.now_at) ELSE 0 END AS available_micros,
    CASE WHEN a.tariff_id IS NOT NULL THEN (
        SELECT r.id FROM tariff_revision r WHERE r.tariff_id = a.tariff_id AND r.effective_from <= %(at)s
        ORDER BY r.effective_from DESC LIMIT 1) END AS own_revision,
    (SELECT r.id FROM tariff_revision r JOIN tariff t ON t.id = r.tariff_id WHERE t.is_default AND r.effective_from <= %(at)s
        ORDER BY r.effective_from DESC LIMIT 1) AS default_revision,
    a.mode, a.clock_offset_s, a.own_cap, a.own_countries
FROM api_key k JOIN account a ON a.id = k.account_id
CROSS JOIN LATERAL (SELECT %(at)s::timestamptz + make_interval(secs => a.clock_offset_s) AS now_at) n
WHERE k.digest = ANY(%(digests)s::bytea[]) AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > %(at)s);
