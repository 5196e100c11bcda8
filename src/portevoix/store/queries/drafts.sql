-- Messages that people write in the console.

-- name: keep_draft
-- Nothing where it was sent meanwhile, or is somebody else's.
INSERT INTO draft (id, account_id, person_id, content, kept_at)
VALUES (%(id)s, %(account_id)s, %(person_id)s, %(content)s, %(at)s)
ON CONFLICT (id) DO UPDATE SET content = excluded.content, kept_at = excluded.kept_at
WHERE draft.account_id = excluded.account_id AND draft.person_id = excluded.person_id AND draft.campaign IS NULL
RETURNING id;

-- name: crowd_out
DELETE FROM draft WHERE person_id = %(person_id)s
    AND id IN (SELECT id FROM draft WHERE person_id = %(person_id)s ORDER BY kept_at DESC, id OFFSET %(most)s);

-- name: draft
SELECT content, campaign FROM draft
WHERE id = %(id)s AND account_id = %(account_id)s AND person_id = %(person_id)s AND kept_at > %(kept_from)s;

-- name: sent_draft
-- Waits for whoever is sending the same one; what was typed is not needed any more.
UPDATE draft SET campaign = %(campaign)s, content = ''
WHERE id = %(id)s AND account_id = %(account_id)s AND person_id = %(person_id)s AND campaign IS NULL RETURNING id;

-- name: sweep_drafts
DELETE FROM draft WHERE kept_at <= %(kept_from)s;
