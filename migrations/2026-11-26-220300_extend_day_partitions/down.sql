-- The day partitions of the later tables stay; they go with their tables.
-- Makes the partitions of a day. Each is created as a table with a CHECK and then attached: the
-- CHECK spares the scan, so the parent is locked only for an instant (house rule 5).
CREATE OR REPLACE FUNCTION ensure_day_partitions(day date) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
    parent text;
    key text;
    child text;
    lower_id uuid := uuidv7_lower_bound(day::timestamp AT TIME ZONE 'UTC');
    upper_id uuid := uuidv7_lower_bound((day + 1)::timestamp AT TIME ZONE 'UTC');
    made boolean := false;
BEGIN
    -- One maker at a time; the number is listed in store/src/lock.rs.
    PERFORM pg_advisory_xact_lock(4201);
    FOR parent, key IN VALUES ('notifications', 'id'), ('notification_events', 'notification_id') LOOP
        child := parent || '_' || to_char(day, 'YYYYMMDD');
        CONTINUE WHEN to_regclass(child) IS NOT NULL;
        EXECUTE format(
            'CREATE TABLE %I (LIKE %I INCLUDING ALL, CHECK (%I >= %L AND %I < %L)) WITH (fillfactor = 70)',
            child, parent, key, lower_id, key, upper_id);
        EXECUTE format(
            'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            parent, child, lower_id, upper_id);
        made := true;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION ensure_day_partitions(date) IS 'Idempotent; true when it made any.';
