-- The callbacks that have something due and may be called now, the longest due first.
WITH RECURSIVE c AS MATERIALIZED (
    SELECT carillon_now() AS now
), waiting (callback_id) AS (
    -- From one callback to the next in the index of what waits, days of all partitions together:
    -- the cost grows with the callbacks that have something waiting, not with all there are. Any
    -- day may have some, for people have old ones told again.
    (SELECT e.callback_id FROM callback_events e
     WHERE e.due_at IS NOT NULL
     ORDER BY e.callback_id
     LIMIT 1)
    UNION ALL
    SELECT (
        SELECT e.callback_id FROM callback_events e
        WHERE e.due_at IS NOT NULL AND e.callback_id > w.callback_id
        ORDER BY e.callback_id
        LIMIT 1)
    FROM waiting w
    WHERE w.callback_id IS NOT NULL
)
SELECT k.id
FROM waiting w
JOIN service_callbacks k ON k.id = w.callback_id
CROSS JOIN c
CROSS JOIN LATERAL (
    SELECT e.due_at FROM callback_events e
    WHERE e.callback_id = k.id AND e.due_at <= c.now
    ORDER BY e.due_at
    LIMIT 1
) first
WHERE k.active
  AND (k.paused_until IS NULL OR k.paused_until <= c.now)
ORDER BY first.due_at
LIMIT $1
