-- Where the database stands. One that was restored from a backup does not know what was dialled since: it stands in
-- another place than the one that it remembers, and dials nothing until the operator has decided.

-- The cluster, the database in it, the table in that, and last the timeline, which a failover changes too. Of an
-- embedded server also when its folder was made, as a copied folder is the same in all else.
CREATE FUNCTION database_place() RETURNS text STABLE LANGUAGE plpgsql AS $$
DECLARE
    made text := '';
BEGIN
    IF current_setting('listen_addresses') = '' AND has_function_privilege('pg_stat_file(text)', 'execute') THEN
        made := (SELECT extract(epoch FROM change)::bigint::text FROM pg_stat_file('PG_VERSION'));
    END IF;
    RETURN concat_ws('/', (SELECT system_identifier FROM pg_control_system()),
        (SELECT oid FROM pg_database WHERE datname = current_database()), to_regclass('instance')::oid, made,
        left(pg_walfile_name(pg_current_wal_lsn()), 8));
END $$;

-- moved_at: when it was first seen to stand elsewhere, until the operator has decided.
ALTER TABLE instance
    ADD COLUMN place text NOT NULL DEFAULT database_place(),
    ADD COLUMN moved_at timestamptz;
