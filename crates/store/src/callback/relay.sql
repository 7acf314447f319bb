-- Takes events whose wait is over and puts them on their way: of each callback as many as its window
-- has room for, so that the backlog of one that is slow or dead stays here, and of all together no
-- more than fit into one statement. After a pause one event goes ahead and finds out. The rows of
-- the callbacks are locked: nobody else fills the same room.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::uuid[] AS callbacks, $2::integer AS n_max, $3::integer AS slots,
        $4::integer AS opens_after, $5::integer AS widest, $6::integer AS round_ms, $7::integer AS slow_ms
), wanted AS MATERIALIZED (
    SELECT k.id, k.call_ms >= c.slow_ms AS is_slow,
        CASE WHEN k.n_failures >= c.opens_after THEN 1
             ELSE least(2 * c.slots + c.slots * c.round_ms / k.call_ms, c.widest) END AS whole,
        greatest(c.n_max / cardinality(c.callbacks), 1) AS share
    FROM service_callbacks k, c
    WHERE k.id = ANY (c.callbacks)
      AND k.active
      AND (k.paused_until IS NULL OR k.paused_until <= c.now)
), due AS MATERIALIZED (
    SELECT e.id
    FROM wanted k
    CROSS JOIN c
    CROSS JOIN LATERAL (
        SELECT k.whole - (
            SELECT count(*) FROM (
                SELECT 1 FROM callback_events o
                WHERE o.callback_id = k.id AND o.dispatched_at IS NOT NULL
                LIMIT k.whole
            ) o
        ) AS room
    ) w
    CROSS JOIN LATERAL (
        SELECT d.id FROM callback_events d
        WHERE d.callback_id = k.id AND d.due_at <= c.now
        ORDER BY d.due_at
        LIMIT greatest(least(w.room, k.share), 0)
        FOR UPDATE SKIP LOCKED
    ) e
)
UPDATE callback_events e
SET due_at = NULL,
    wait_reason = NULL,
    dispatched_at = c.now,
    queue = CASE
        WHEN e.attempts > 0 OR e.callback_id = ANY (ARRAY(SELECT id FROM wanted WHERE is_slow))
        THEN 'callbacks-retry' ELSE 'callbacks' END
FROM c
-- An array and not a join, which might read whole days; the bounds prune the other days.
WHERE e.id = ANY (ARRAY(SELECT id FROM due))
  AND e.id >= (SELECT id FROM due ORDER BY id LIMIT 1)
  AND e.id <= (SELECT id FROM due ORDER BY id DESC LIMIT 1)
RETURNING e.id, e.callback_id, e.queue
