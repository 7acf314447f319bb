-- With PgBouncer between, run once by an administrator: what each process otherwise asks for by itself when
-- it connects (crates/store/src/pool.rs), as settings of its role.
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['api', 'worker', 'poller', 'escalator', 'aggregator'] LOOP
        role := 'carillon_' || role;
        EXECUTE format('ALTER ROLE %I SET statement_timeout = ''5s''', role);
        EXECUTE format('ALTER ROLE %I SET lock_timeout = ''5s''', role);
        EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = ''30s''', role);
        EXECUTE format('ALTER ROLE %I SET plan_cache_mode = force_generic_plan', role);
        EXECUTE format('ALTER ROLE %I SET jit = off', role);
    END LOOP;
END
$$;
