-- Completes events that nobody is left to hear of. What a worker holds under a lease is its own.
WITH open AS MATERIALIZED (
    SELECT e.id
    FROM (SELECT $1::uuid AS id) g
    CROSS JOIN LATERAL (
        (SELECT w.id FROM callback_events w WHERE w.callback_id = g.id AND w.due_at IS NOT NULL)
        UNION ALL
        (SELECT o.id FROM callback_events o
         WHERE o.callback_id = g.id AND o.dispatched_at IS NOT NULL AND o.lease_until IS NULL)
    ) e
    LIMIT $2
)
UPDATE callback_events e
SET due_at = NULL, wait_reason = NULL, dispatched_at = NULL,
    outcome = 'disabled', completed_at = carillon_now()
WHERE e.id = ANY (ARRAY(SELECT id FROM open))
  AND e.id >= (SELECT id FROM open ORDER BY id LIMIT 1)
  AND e.id <= (SELECT id FROM open ORDER BY id DESC LIMIT 1)
  AND e.lease_until IS NULL
