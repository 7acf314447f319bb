-- Leases that ran out: the worker vanished before, during or after the call. The row waits, due at
-- once; if a receipt has moved it meanwhile, only the lease is cleared.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now
), lost AS (
    SELECT id FROM notifications
    WHERE dispatched_at IS NOT NULL AND lease_until < (SELECT now FROM c)
    LIMIT $1
    FOR UPDATE SKIP LOCKED
), rescued AS (
    UPDATE notifications n
    SET due_at = CASE WHEN n.status = 'created' THEN c.now END,
        wait_reason = CASE WHEN n.status = 'created' THEN 'lease-expired' END,
        dispatched_at = NULL,
        lease_until = NULL,
        lease_token = NULL,
        last_seq = n.last_seq + 1,
        updated_at = c.now
    FROM c
    -- An array and not a join, which might read whole days; the bounds prune the other days.
    WHERE n.id = ANY (ARRAY(SELECT id FROM lost))
      AND n.id >= (SELECT id FROM lost ORDER BY id LIMIT 1)
      AND n.id <= (SELECT id FROM lost ORDER BY id DESC LIMIT 1)
    RETURNING n.id, n.last_seq, n.attempts, n.queue
), told AS (
    INSERT INTO notification_events (notification_id, seq, at, event, reason, actor, detail)
    SELECT r.id, r.last_seq, c.now, 'rescued', 'lease-expired', 'poller',
           jsonb_build_object('attempt', r.attempts, 'provider_may_have_it', true)
    FROM rescued r, c
)
SELECT queue FROM rescued
