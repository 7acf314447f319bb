-- Rows that are in no queue: dispatched before a marker that has since come out of their queue,
-- less a grace for those in a worker's hands.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::bigint * interval '1 millisecond' AS grace
), fallen AS (
    SELECT n.id
    FROM notifications n
    JOIN lane_watermarks w ON w.queue = n.queue
    WHERE n.dispatched_at IS NOT NULL
      AND n.lease_until IS NULL
      AND n.status = 'created'
      AND n.dispatched_at < w.published_at - (SELECT grace FROM c)
    LIMIT $2
    FOR UPDATE OF n SKIP LOCKED
), rescued AS (
    UPDATE notifications n
    SET due_at = c.now,
        wait_reason = 'fell-out',
        dispatched_at = NULL,
        last_seq = n.last_seq + 1,
        updated_at = c.now
    FROM c
    -- An array and not a join, which might read whole days; the bounds prune the other days.
    WHERE n.id = ANY (ARRAY(SELECT id FROM fallen))
      AND n.id >= (SELECT id FROM fallen ORDER BY id LIMIT 1)
      AND n.id <= (SELECT id FROM fallen ORDER BY id DESC LIMIT 1)
    RETURNING n.id, n.last_seq, n.queue
), told AS (
    INSERT INTO notification_events (notification_id, seq, at, event, reason, actor)
    SELECT r.id, r.last_seq, c.now, 'rescued', 'fell-out', 'poller' FROM rescued r, c
)
SELECT queue FROM rescued
