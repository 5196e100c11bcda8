-- What callers of the API sent and were told.

-- name: keep
INSERT INTO exchange (account_id, at, method, path, status, duration_us, sent, sent_bytes, told, told_bytes, skipped)
SELECT * FROM unnest(%(accounts)s::bigint[], %(times)s::timestamptz[], %(methods)s::text[], %(paths)s::text[],
    %(statuses)s::smallint[], %(durations)s::bigint[], %(sent)s::text[], %(sent_bytes)s::bigint[], %(told)s::text[],
    %(told_bytes)s::bigint[], %(skipped)s::integer[]);

-- name: newest
-- Without bodies: a page of them would be large.
SELECT id, at, method, path, status, duration_us, NULL, sent_bytes, NULL, told_bytes, skipped FROM exchange
WHERE account_id = %(account_id)s AND at > %(after)s AND (%(before)s::bigint IS NULL OR id < %(before)s)
    AND (%(hundred)s::integer IS NULL OR status / 100 = %(hundred)s)
ORDER BY id DESC LIMIT %(most)s;

-- name: one
SELECT id, at, method, path, status, duration_us, sent, sent_bytes, told, told_bytes, skipped FROM exchange
WHERE account_id = %(account_id)s AND id = %(exchange)s AND at > %(after)s;

-- name: sweep
DELETE FROM exchange WHERE id = ANY(ARRAY(
    SELECT id FROM exchange WHERE at <= %(after)s ORDER BY at LIMIT %(most)s FOR UPDATE SKIP LOCKED)) RETURNING id;
