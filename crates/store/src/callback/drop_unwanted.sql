-- Completes what waits for callbacks that are switched off or gone.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::bigint AS n_max
), unwanted AS MATERIALIZED (
    SELECT w.id
    FROM service_callbacks k, c
    CROSS JOIN LATERAL (
        SELECT e.id FROM callback_events e
        WHERE e.callback_id = k.id AND e.due_at IS NOT NULL
        LIMIT c.n_max
        FOR UPDATE SKIP LOCKED
    ) w
    WHERE NOT k.active
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
