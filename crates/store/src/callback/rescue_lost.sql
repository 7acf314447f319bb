-- Leases that ran out: the worker vanished before, during or after the call. The event is due again
-- at once, and its repeat bears the same id.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now
), lost AS MATERIALIZED (
    SELECT id FROM callback_events
    WHERE dispatched_at IS NOT NULL AND lease_until < (SELECT now FROM c)
    LIMIT $1
    FOR UPDATE SKIP LOCKED
)
UPDATE callback_events e
SET due_at = c.now,
    wait_reason = 'lease-expired',
    dispatched_at = NULL,
    lease_until = NULL,
    lease_token = NULL
FROM c
-- An array and not a join, which might read whole days; the bounds prune the other days.
WHERE e.id = ANY (ARRAY(SELECT id FROM lost))
  AND e.id >= (SELECT id FROM lost ORDER BY id LIMIT 1)
  AND e.id <= (SELECT id FROM lost ORDER BY id DESC LIMIT 1)
RETURNING e.queue
