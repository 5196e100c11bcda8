-- name: agree
INSERT INTO instance (pepper_fingerprint) VALUES (%(fingerprint)s)
ON CONFLICT (only_row) DO UPDATE SET only_row = true RETURNING pepper_fingerprint;
