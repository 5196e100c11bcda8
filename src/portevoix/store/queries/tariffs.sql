-- name: name_tariff
-- The first tariff ever is the default.
INSERT INTO tariff (name, is_default, created_at)
VALUES (%(name)s, NOT EXISTS (SELECT FROM tariff WHERE is_default), %(at)s)
ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id;

-- name: new_revision
INSERT INTO tariff_revision (tariff_id, effective_from, imported_at) VALUES (%(tariff_id)s, %(effective_from)s, %(at)s)
ON CONFLICT (tariff_id, effective_from) DO NOTHING RETURNING id;

-- name: new_rates
INSERT INTO rate (revision_id, product, prefix, price_micros, connection_micros, minimum_s, increment_s)
SELECT %(revision)s, * FROM unnest(%(products)s::text[], %(prefixes)s::text[], %(prices)s::bigint[], %(connections)s::bigint[],
    %(minimums)s::integer[], %(increments)s::integer[]);

-- name: tariff_id
SELECT id FROM tariff WHERE name = %(name)s;

-- name: revision
SELECT r.id, t.name, r.effective_from FROM tariff_revision r JOIN tariff t ON t.id = r.tariff_id WHERE r.id = %(revision)s;

-- name: rates
SELECT product, prefix, price_micros, connection_micros, minimum_s, increment_s
FROM rate WHERE revision_id = %(revision)s ORDER BY product DESC, prefix;

-- name: revisions
SELECT t.name, t.is_default, r.effective_from, (SELECT count(*) FROM rate WHERE revision_id = r.id) AS rates
FROM tariff_revision r JOIN tariff t ON t.id = r.tariff_id ORDER BY t.is_default DESC, t.name, r.effective_from;

-- name: revision_in_force
SELECT r.id FROM tariff_revision r JOIN tariff t ON t.id = r.tariff_id
WHERE CASE WHEN %(name)s::text IS NULL THEN t.is_default ELSE t.name = %(name)s END AND r.effective_from <= %(at)s
ORDER BY r.effective_from DESC LIMIT 1;

-- name: assign_tariff
-- Both ledgers of the account: the sandbox prices as the live account does.
UPDATE account SET tariff_id = (SELECT id FROM tariff WHERE name = %(tariff)s) WHERE id IN (
    SELECT id FROM account WHERE public_id = %(account)s ORDER BY id FOR NO KEY UPDATE) RETURNING id;

-- name: keep_draft
INSERT INTO tariff_draft (id, name, effective_from, file, created_at)
VALUES (%(id)s, %(name)s, %(effective_from)s, %(file)s, %(at)s);

-- name: draft
SELECT id, name, effective_from, file FROM tariff_draft WHERE id = %(id)s AND created_at > %(after)s;

-- name: take_draft
DELETE FROM tariff_draft WHERE id = %(id)s AND created_at > %(after)s RETURNING id, name, effective_from, file;

-- name: forget_drafts
DELETE FROM tariff_draft WHERE created_at <= %(after)s;
