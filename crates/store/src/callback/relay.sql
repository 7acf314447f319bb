-- Takes events whose wait is over and puts them on their way: of each callback as many as its window
-- has room for, so that the backlog of one that is slow or dead stays here. After a pause one event
-- goes ahead and finds out. Several pollers share the work.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::integer AS whole, $2::integer AS opens_after
), due AS MATERIALIZED (
    SELECT e.id
    FROM service_callbacks k
    CROSS JOIN c
    CROSS JOIN LATERAL (
        SELECT CASE WHEN k.n_failures >= c.opens_after THEN 1 ELSE c.whole END - (
            SELECT count(*) FROM (
                SELECT 1 FROM callback_events o
                WHERE o.callback_id = k.id AND o.dispatched_at IS NOT NULL
                LIMIT c.whole
            ) o
        ) AS room
    ) w
    CROSS JOIN LATERAL (
        SELECT d.id FROM callback_events d
        WHERE d.callback_id = k.id AND d.due_at <= c.now
        ORDER BY d.due_at
        LIMIT greatest(w.room, 0)
        FOR UPDATE SKIP LOCKED
    ) e
    WHERE k.active
      AND (k.paused_until IS NULL OR k.paused_until <= c.now)
      -- Most callbacks have nothing that is due: then what is on its way is not counted.
      AND EXISTS (SELECT 1 FROM callback_events d WHERE d.callback_id = k.id AND d.due_at <= c.now)
)
UPDATE callback_events e
SET due_at = NULL,
    wait_reason = NULL,
    dispatched_at = c.now,
    queue = CASE WHEN e.attempts > 0 THEN 'callbacks-retry' ELSE 'callbacks' END
FROM c
-- An array and not a join, which might read whole days; the bounds prune the other days.
WHERE e.id = ANY (ARRAY(SELECT id FROM due))
  AND e.id >= (SELECT id FROM due ORDER BY id LIMIT 1)
  AND e.id <= (SELECT id FROM due ORDER BY id DESC LIMIT 1)
RETURNING e.id, e.callback_id, e.queue
