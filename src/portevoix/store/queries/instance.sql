-- name: count_events_anew
-- Where the database was restored on another cluster: what is ahead of its transactions counts as of now.
WITH moved AS (
    UPDATE instance SET cluster = c.system_identifier FROM pg_control_system() c
    WHERE cluster IS DISTINCT FROM c.system_identifier RETURNING true
)
UPDATE event SET xid = pg_current_xact_id() FROM moved WHERE xid >= pg_snapshot_xmax(pg_current_snapshot());

-- name: agree
INSERT INTO instance (pepper_fingerprint) VALUES (%(fingerprint)s)
ON CONFLICT (only_row) DO UPDATE SET only_row = true RETURNING pepper_fingerprint;
