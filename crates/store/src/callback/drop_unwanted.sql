-- Completes what waits for callbacks that are switched off, or are there no more.
WITH RECURSIVE c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::bigint AS n_max
), waiting (callback_id) AS (
    -- From one callback to the next in the index of what waits, as the relay does.
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
), unwanted AS MATERIALIZED (
    SELECT e.id
    FROM waiting w
    LEFT JOIN service_callbacks k ON k.id = w.callback_id AND k.active
    CROSS JOIN c
    CROSS JOIN LATERAL (
        SELECT e.id FROM callback_events e
        WHERE e.callback_id = w.callback_id AND e.due_at IS NOT NULL
        LIMIT c.n_max
        FOR UPDATE SKIP LOCKED
    ) e
    WHERE k.id IS NULL AND w.callback_id IS NOT NULL
    LIMIT (SELECT n_max FROM c)
)
UPDATE callback_events e
SET due_at = NULL,
    wait_reason = NULL,
    outcome = 'disabled',
    completed_at = c.now
FROM c
-- An array and not a join, which might read whole days; the bounds prune the other days.
WHERE e.id = ANY (ARRAY(SELECT id FROM unwanted))
  AND e.id >= (SELECT id FROM unwanted ORDER BY id LIMIT 1)
  AND e.id <= (SELECT id FROM unwanted ORDER BY id DESC LIMIT 1)
