-- Events that are in no queue: dispatched before a marker that has since come out of their queue,
-- less a grace for those in a worker's hands.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::bigint * interval '1 millisecond' AS grace
), fallen AS MATERIALIZED (
    SELECT e.id
    FROM callback_events e
    JOIN lane_watermarks w ON w.queue = e.queue
    WHERE e.dispatched_at IS NOT NULL
      AND e.lease_until IS NULL
      AND e.dispatched_at < w.published_at - (SELECT grace FROM c)
    LIMIT $2
    FOR UPDATE OF e SKIP LOCKED
)
UPDATE callback_events e
SET due_at = c.now,
    wait_reason = 'fell-out',
    dispatched_at = NULL
FROM c
-- An array and not a join, which might read whole days; the bounds prune the other days.
WHERE e.id = ANY (ARRAY(SELECT id FROM fallen))
  AND e.id >= (SELECT id FROM fallen ORDER BY id LIMIT 1)
  AND e.id <= (SELECT id FROM fallen ORDER BY id DESC LIMIT 1)
RETURNING e.queue
