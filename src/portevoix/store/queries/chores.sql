-- What one process does for all, again and again.

-- name: plan
INSERT INTO chore (name, due_at) SELECT c.name, c.due_at FROM unnest(%(names)s::text[], %(due)s::timestamptz[]) AS c (name, due_at)
ON CONFLICT DO NOTHING;

-- name: take
-- One that is due, for one process alone. Until it is ended, it is due again when it is taken for lost.
UPDATE chore c SET taker = %(taker)s, began_at = %(at)s, due_at = %(lost_at)s
FROM (
    SELECT name FROM chore WHERE name = ANY(%(names)s::text[]) AND due_at <= %(at)s
    ORDER BY due_at, name LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) d
WHERE c.name = d.name RETURNING c.name;

-- name: end
-- By whoever has it still.
UPDATE chore SET ended_at = %(at)s, due_at = %(due_at)s, fault = %(fault)s
WHERE name = %(name)s AND taker = %(taker)s AND began_at = %(began_at)s;

-- name: chores
SELECT name, due_at, taker, began_at, ended_at, fault FROM chore ORDER BY name;
