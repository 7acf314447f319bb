-- What each binary may do in the database, and no more. Run by the owner of the tables after every
-- `carillon migrate`; running it again changes nothing:
--
--   psql -X -v ON_ERROR_STOP=1 -f roles.sql "$DATABASE_URL"
--
-- Roles that are missing are created without a password, which needs CREATEROLE; make them beforehand where
-- the owner has not got it. The command line works as carillon_api does, but for `migrate`, which is the
-- owner's. `doctor` sees the connections of other roles if an administrator has granted pg_read_all_stats.
BEGIN;

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['api', 'worker', 'poller', 'escalator', 'aggregator'] LOOP
        IF to_regrole('carillon_' || role) IS NULL THEN
            EXECUTE format('CREATE ROLE %I LOGIN', 'carillon_' || role);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), 'carillon_' || role);
        EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', 'carillon_' || role);
    END LOOP;
    EXECUTE format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END
$$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- One line for each table: what the API, the worker and the poller may do there. Partitions are reached
-- through their parents. Whoever inserts also reads (ON CONFLICT, RETURNING), and a row is locked with the
-- right to update it.
DO $$
DECLARE
    r record;
    missing text;
BEGIN
    CREATE TEMPORARY TABLE granted ("table" text, api text, worker text, poller text) ON COMMIT DROP;
    INSERT INTO granted VALUES
        ('notifications',         'SELECT, INSERT, UPDATE',         'SELECT, INSERT, UPDATE', 'SELECT, UPDATE'),
        ('notification_events',   'SELECT, INSERT',                 'SELECT, INSERT',         'SELECT, INSERT'),
        ('idempotency_keys',      'SELECT, INSERT, UPDATE',         '',                       'SELECT, UPDATE, DELETE'),
        ('quarantine',            'SELECT, INSERT',                 'SELECT, INSERT',         'SELECT, INSERT'),
        ('lane_watermarks',       'SELECT',                         'SELECT, INSERT, UPDATE', 'SELECT'),
        ('clock_offset',          'SELECT',                         'SELECT',                 'SELECT'),
        ('schedule_slots',        'SELECT',                         '',                       'SELECT, INSERT, UPDATE, DELETE'),
        -- The keys of services, and what they may do: the API's alone.
        ('api_keys',              'SELECT, INSERT, UPDATE',         '',                       ''),
        ('services',              'SELECT, INSERT, UPDATE',         'SELECT',                 'SELECT, UPDATE'),
        ('service_senders',       'SELECT, INSERT, UPDATE',         'SELECT',                 ''),
        ('service_safelist',      'SELECT, INSERT',                 'SELECT',                 ''),
        ('templates',             'SELECT, INSERT, UPDATE',         'SELECT',                 'SELECT'),
        ('template_versions',     'SELECT, INSERT',                 'SELECT',                 ''),
        ('suppressions',          'SELECT, INSERT, UPDATE, DELETE', 'SELECT, INSERT, UPDATE', ''),
        -- Limits and the brake on what bounces.
        ('service_rate_budgets',  'SELECT, INSERT, UPDATE',         '',                       ''),
        ('service_daily_counts',  'SELECT, INSERT, UPDATE',         '',                       'SELECT, DELETE'),
        ('service_bounce_hours',  'SELECT, DELETE',                 '',                       'SELECT, INSERT, UPDATE, DELETE'),
        ('service_brakes',        'SELECT, UPDATE',                 '',                       'SELECT, INSERT, UPDATE'),
        ('email_tallies',         'SELECT, DELETE',                 'SELECT, INSERT',         'SELECT, UPDATE, DELETE'),
        -- Providers, with their sealed credentials.
        ('providers',             'SELECT, INSERT, UPDATE, DELETE', 'SELECT',                 'SELECT, UPDATE'),
        ('provider_changes',      'SELECT, INSERT',                 '',                       'SELECT, INSERT'),
        ('provider_budgets',      'SELECT',                         'SELECT, INSERT, UPDATE', ''),
        ('provider_references',   'SELECT',                         'SELECT, INSERT',         'SELECT, DELETE'),
        ('parked_receipts',       'SELECT',                         'SELECT, INSERT, DELETE', 'SELECT, UPDATE, DELETE'),
        -- Calls to services.
        ('service_callbacks',     'SELECT, INSERT, UPDATE, DELETE', 'SELECT, UPDATE',         'SELECT, UPDATE'),
        ('callback_events',       'SELECT, INSERT, UPDATE',         'SELECT, INSERT, UPDATE', 'SELECT, INSERT, UPDATE'),
        ('callback_attempts',     'SELECT',                         'SELECT, INSERT',         ''),
        -- Mailings. What goes with a job is removed by its foreign keys.
        ('jobs',                  'SELECT, INSERT, UPDATE',         'SELECT, UPDATE',         'SELECT, UPDATE, DELETE'),
        ('job_chunks',            'SELECT, INSERT, UPDATE',         'SELECT, UPDATE',         'SELECT, UPDATE'),
        ('job_payloads',          'SELECT, INSERT',                 'SELECT',                 'SELECT'),
        ('job_payloads_outside',  'SELECT, INSERT, UPDATE',         '',                       'SELECT, INSERT, UPDATE, DELETE'),
        -- The ledger.
        ('ledger_accepted',       'SELECT, INSERT, UPDATE',         '',                       'SELECT, UPDATE, DELETE'),
        ('ledger_minutes',        'SELECT',                         '',                       'SELECT, INSERT, UPDATE, DELETE'),
        ('ledger_entries',        'SELECT',                         '',                       'SELECT, INSERT, UPDATE, DELETE'),
        ('ledger_hours',          'SELECT',                         '',                       'SELECT, INSERT, UPDATE, DELETE'),
        ('ledger_lanes',          'SELECT',                         '',                       'SELECT, INSERT, UPDATE'),
        ('ledger_state',          'SELECT',                         '',                       'SELECT, INSERT, UPDATE'),
        ('ledger_quarantined',    'SELECT, INSERT',                 'SELECT, INSERT',         'SELECT, DELETE'),
        ('__diesel_schema_migrations', 'SELECT',                    'SELECT',                 'SELECT');

    SELECT string_agg(c.relname, ', ') INTO missing
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND c.relname NOT IN (SELECT "table" FROM granted);
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'roles.sql has no line for %', missing;
    END IF;

    FOR r IN
        SELECT g."table", role, rights
        FROM granted g CROSS JOIN LATERAL (VALUES
            ('carillon_api', g.api), ('carillon_worker', g.worker), ('carillon_poller', g.poller),
            -- They ask for the time and whether the database is migrated, so far.
            ('carillon_escalator', CASE WHEN g."table" IN ('clock_offset', '__diesel_schema_migrations') THEN 'SELECT' ELSE '' END),
            ('carillon_aggregator', CASE WHEN g."table" IN ('clock_offset', '__diesel_schema_migrations') THEN 'SELECT' ELSE '' END)
        ) AS of_role (role, rights)
    LOOP
        EXECUTE format('REVOKE ALL ON TABLE public.%I FROM %I', r."table", r.role);
        IF r.rights <> '' THEN
            EXECUTE format('GRANT %s ON TABLE public.%I TO %I', r.rights, r."table", r.role);
        END IF;
    END LOOP;
END
$$;

-- Making a day's partitions is the owner's; these three may have it done.
ALTER FUNCTION ensure_day_partitions(date) SECURITY DEFINER SET search_path = public, pg_temp;
REVOKE EXECUTE ON FUNCTION ensure_day_partitions(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_day_partitions(date) TO carillon_api, carillon_worker, carillon_poller;

COMMIT;
