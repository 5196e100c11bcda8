-- name: new_person
INSERT INTO person (public_id, email, role, account, created_at)
VALUES (%(public_id)s, %(email)s, %(role)s, %(account)s, %(at)s)
ON CONFLICT DO NOTHING RETURNING id;

-- name: person
SELECT id, public_id, email, role, account, language, password_hash IS NOT NULL, totp_generation, is_totp_on, is_disabled,
    created_at, password_hash
FROM person
WHERE (%(public_id)s::text IS NULL OR public_id = %(public_id)s) AND (%(email)s::text IS NULL OR lower(email) = lower(%(email)s));

-- name: people
SELECT id, public_id, email, role, account, language, password_hash IS NOT NULL, totp_generation, is_totp_on, is_disabled,
    created_at
FROM person WHERE %(account)s::text IS NULL OR account = %(account)s ORDER BY lower(email);

-- name: set_password
UPDATE person SET password_hash = %(hash)s WHERE id = %(person_id)s;

-- name: set_language
UPDATE person SET language = %(language)s WHERE id = %(person_id)s;

-- name: set_totp
UPDATE person SET totp_generation = %(generation)s, is_totp_on = %(is_on)s WHERE id = %(person_id)s;

-- name: use_code
UPDATE person SET totp_counter = %(counter)s WHERE id = %(person_id)s AND totp_counter < %(counter)s RETURNING id;

-- name: set_disabled
UPDATE person SET is_disabled = %(is_disabled)s WHERE id = %(person_id)s;

-- name: end_all
-- After the person's row is locked, in a statement of its own: it sees the sessions of those who held that row before.
WITH invitations AS (DELETE FROM invitation WHERE person_id = %(person_id)s)
DELETE FROM session WHERE person_id = %(person_id)s;

-- name: invite
WITH before AS (DELETE FROM invitation WHERE person_id = %(person_id)s)
INSERT INTO invitation (digest, person_id, expires_at) VALUES (%(digest)s, %(person_id)s, %(expires_at)s);

-- name: invited
SELECT p.id, p.public_id, p.email, p.role, p.account, p.language, p.password_hash IS NOT NULL, p.totp_generation, p.is_totp_on,
    p.is_disabled, p.created_at
FROM invitation i JOIN person p ON p.id = i.person_id
WHERE i.digest = %(digest)s AND i.expires_at > %(at)s AND NOT p.is_disabled;

-- name: take_invitation
-- Of two who take a link at once, the second waits for the person's row, and then finds no invitation to delete.
WITH found AS (
    SELECT i.digest FROM invitation i JOIN person p ON p.id = i.person_id
    WHERE i.digest = %(digest)s AND i.expires_at > %(at)s AND NOT p.is_disabled
    FOR NO KEY UPDATE OF p
)
DELETE FROM invitation i USING found WHERE i.digest = found.digest RETURNING i.person_id;

-- name: open_session
-- The person's row is locked: whoever changes the password, or shuts the person out, comes before or after.
INSERT INTO session (person_id, digest, salt, created_at, rotated_at, seen_at)
SELECT id, %(digest)s, %(salt)s, %(at)s, %(at)s, %(at)s FROM person
WHERE id = %(person_id)s AND NOT is_disabled
    AND (%(password_hash)s::text IS NULL OR password_hash = %(password_hash)s)
FOR SHARE
RETURNING id;

-- name: session
-- Noted as used once a minute at most: a page is several requests.
WITH found AS (
    SELECT * FROM session
    WHERE (digest = %(digest)s OR (previous_digest = %(digest)s AND rotated_at > %(graced_from)s))
        AND seen_at > %(idle_from)s AND created_at > %(begun_from)s
), seen AS (
    UPDATE session s SET seen_at = %(at)s FROM found WHERE s.id = found.id AND found.seen_at < %(noted_before)s
)
SELECT s.id, s.salt, s.created_at, s.rotated_at, p.id, p.public_id, p.email, p.role, p.account, p.language,
    p.password_hash IS NOT NULL, p.totp_generation, p.is_totp_on, p.is_disabled, p.created_at
FROM found s JOIN person p ON p.id = s.person_id WHERE NOT p.is_disabled;

-- name: rotate_session
UPDATE session SET digest = %(digest)s, previous_digest = digest, rotated_at = %(at)s
WHERE id = %(session_id)s AND digest = %(instead_of)s RETURNING id;

-- name: close_session
DELETE FROM session WHERE id = %(session_id)s;

-- name: sweep_sessions
WITH invitations AS (DELETE FROM invitation WHERE expires_at <= %(at)s)
DELETE FROM session WHERE seen_at <= %(idle_from)s OR created_at <= %(begun_from)s;

-- name: begin_deed
INSERT INTO deed (at, person_id, who, account, mode, action, subject, address)
VALUES (%(at)s, %(person_id)s, %(who)s, %(account)s, %(mode)s, %(action)s, %(subject)s, %(address)s) RETURNING id;

-- name: end_deed
UPDATE deed SET outcome = %(outcome)s WHERE id = %(deed)s;

-- name: deeds
SELECT id, at, who, account || CASE WHEN mode = 'sandbox' THEN '/sandbox' ELSE '' END, action, subject, address, outcome
FROM deed
WHERE (%(before)s::bigint IS NULL OR id < %(before)s) AND (%(account)s::text IS NULL OR account = %(account)s)
ORDER BY id DESC LIMIT %(most)s;

-- name: set_role
UPDATE person SET role = %(role)s WHERE id = %(person_id)s AND role <> 'operator' RETURNING id;
