-- Answers kept under idempotency keys.

-- name: answer
SELECT fingerprint, status, content_type, body FROM answer WHERE account_id = %(account_id)s AND key = %(key)s;

-- name: keep_answer
INSERT INTO answer (account_id, key, fingerprint, status, content_type, body, created_at)
VALUES (%(account_id)s, %(key)s, %(fingerprint)s, %(status)s, %(content_type)s, %(body)s, %(at)s)
ON CONFLICT DO NOTHING RETURNING key;

-- name: amend_answer
UPDATE answer SET status = %(status)s, content_type = %(content_type)s, body = %(body)s
WHERE account_id = %(account_id)s AND key = %(key)s AND fingerprint = %(fingerprint)s;

-- name: forget_answers
DELETE FROM answer WHERE ctid = ANY(ARRAY(SELECT ctid FROM answer WHERE created_at < %(before)s LIMIT %(most)s));
