-- What time it is, for all nodes.

-- name: moment
SELECT clock_timestamp();
