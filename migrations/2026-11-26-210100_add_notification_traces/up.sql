-- Nullable and without a default: nothing is rewritten, and the lock is held for an instant (how long
-- it is waited for is bounded: store/src/migrate.rs). Every partition, present and future, follows
-- the parent.
ALTER TABLE notifications
    ADD COLUMN trace_id uuid,
    ADD COLUMN trace_span bigint;
COMMENT ON COLUMN notifications.trace_id IS 'The W3C trace id of the request that made it.';
COMMENT ON COLUMN notifications.trace_span IS
    'The span that accepted it, which later spans are children of; null when nobody records the trace.';
