-- Takes rows whose wait is over and puts them on their way: retries through the retry queue, the
-- rest through their lane. Several pollers share the work.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now
), due AS (
    SELECT id FROM notifications
    WHERE due_at <= (SELECT now FROM c)
    ORDER BY due_at
    LIMIT $1
    FOR UPDATE SKIP LOCKED
)
UPDATE notifications n
SET due_at = NULL,
    wait_reason = NULL,
    dispatched_at = c.now,
    queue = CASE WHEN n.wait_reason = ANY ($2) AND n.queue <> 'research-mode' THEN 'retry' ELSE n.queue END
FROM due, c
WHERE n.id = due.id
RETURNING n.id, n.queue
