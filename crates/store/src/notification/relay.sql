-- Takes rows whose wait is over and puts them on their way: retries through the retry queue, the
-- rest through their lane. Several pollers share the work.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now
), due AS (
    SELECT id FROM notifications
    WHERE due_at <= (SELECT now FROM c)
      -- A newer version's queues are for its own pollers.
      AND queue = ANY ($1)
    ORDER BY due_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
UPDATE notifications n
SET due_at = NULL,
    wait_reason = NULL,
    dispatched_at = c.now,
    queue = CASE WHEN n.wait_reason = ANY ($3) AND n.queue <> 'research-mode' THEN 'retry' ELSE n.queue END
FROM c
-- An array and not a join, which might read whole days; the bounds prune the other days.
WHERE n.id = ANY (ARRAY(SELECT id FROM due))
  AND n.id >= (SELECT id FROM due ORDER BY id LIMIT 1)
  AND n.id <= (SELECT id FROM due ORDER BY id DESC LIMIT 1)
RETURNING n.id, n.queue, n.service_id, n.channel
