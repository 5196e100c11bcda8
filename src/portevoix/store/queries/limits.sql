-- name: count
-- No row where the caller's allowance is used up.
INSERT INTO rate_limit AS r (key, arrival_us) VALUES (%(key)s, %(now)s + %(interval)s)
ON CONFLICT (key) DO UPDATE SET arrival_us = greatest(r.arrival_us, %(now)s) + %(interval)s
WHERE greatest(r.arrival_us, %(now)s) + %(interval)s - %(now)s <= %(burst)s
RETURNING arrival_us;

-- name: arrival
SELECT arrival_us FROM rate_limit WHERE key = %(key)s;

-- name: forget
DELETE FROM rate_limit WHERE arrival_us < %(now)s;
