-- name: keep_sound
-- The update that changes nothing locks the row, so that it is not swept away meanwhile.
INSERT INTO sound (sha256, alaw, samples, created_at) VALUES (%(sha256)s, %(alaw)s, %(samples)s, %(at)s)
ON CONFLICT (sha256) DO UPDATE SET sha256 = excluded.sha256;

-- name: keep
INSERT INTO recording (token, account_id, sha256, name, container, codec, trimmed_start_samples, trimmed_end_samples,
    gain_tenths_db, created_at)
VALUES (%(token)s, %(account_id)s, %(sha256)s, %(name)s, %(container)s, %(codec)s, %(trimmed_start)s, %(trimmed_end)s,
    %(gain)s, %(at)s);

-- name: recordings
SELECT r.token, r.name, encode(r.sha256, 'hex'), s.samples, r.container, r.codec, r.trimmed_start_samples,
    r.trimmed_end_samples, r.gain_tenths_db, r.created_at
FROM recording r JOIN sound s ON s.sha256 = r.sha256
WHERE r.account_id = %(account_id)s AND (r.created_at, r.token) > (%(after_at)s, %(after_token)s)
    AND (%(token)s::text IS NULL OR r.token = %(token)s)
ORDER BY r.created_at, r.token LIMIT %(most)s;

-- name: newest
SELECT r.token, r.name, encode(r.sha256, 'hex'), s.samples, r.container, r.codec, r.trimmed_start_samples,
    r.trimmed_end_samples, r.gain_tenths_db, r.created_at
FROM recording r JOIN sound s ON s.sha256 = r.sha256
WHERE r.account_id = %(account_id)s
    AND (%(before_at)s::timestamptz IS NULL OR (r.created_at, r.token) < (%(before_at)s, %(before_token)s))
ORDER BY r.created_at DESC, r.token DESC LIMIT %(most)s;

-- name: uses
SELECT p.id, p.public_id, p.created_at, p.due_at, p.total, p.open = 0
FROM campaign p
WHERE p.recording_id = (SELECT id FROM recording WHERE account_id = %(account_id)s AND token = %(token)s)
    AND (%(before_id)s::bigint IS NULL OR p.id < %(before_id)s)
ORDER BY p.id DESC LIMIT %(most)s;

-- name: rename
UPDATE recording SET name = %(name)s WHERE account_id = %(account_id)s AND token = %(token)s RETURNING id;

-- name: in_use
-- Messages that have not ended and play it.
SELECT EXISTS (SELECT FROM recording r JOIN campaign p ON p.recording_id = r.id
    WHERE r.account_id = %(account_id)s AND r.token = %(token)s AND p.open > 0);

-- name: delete
DELETE FROM recording WHERE account_id = %(account_id)s AND token = %(token)s RETURNING id;

-- name: audio
SELECT s.alaw FROM recording r JOIN sound s ON s.sha256 = r.sha256
WHERE r.account_id = %(account_id)s AND r.token = %(token)s;

-- name: unused_sounds
-- Locked, so that no upload takes one of them from here on; those that an upload has just taken are passed over.
SELECT s.sha256 FROM sound s WHERE NOT EXISTS (SELECT FROM recording r WHERE r.sha256 = s.sha256)
    AND NOT EXISTS (SELECT FROM campaign p WHERE p.sha256 = s.sha256)
ORDER BY s.sha256 LIMIT %(most)s FOR UPDATE SKIP LOCKED;

-- name: drop_sounds
-- Looks once more, now that they are locked: an upload may have taken one between the first look and its lock.
DELETE FROM sound s WHERE s.sha256 = ANY(%(sounds)s::bytea[])
    AND NOT EXISTS (SELECT FROM recording r WHERE r.sha256 = s.sha256)
    AND NOT EXISTS (SELECT FROM campaign p WHERE p.sha256 = s.sha256);
