WITH c AS MATERIALIZED (
    SELECT $1::uuid[] AS ids
)
UPDATE callback_events e
SET due_at = carillon_now(), wait_reason = 'new', outcome = NULL, completed_at = NULL,
    attempts_before_replay = e.attempts, begun_at = NULL
FROM c
WHERE e.callback_id = $2
  AND e.service_id = $3
  AND e.id = ANY (c.ids)
  -- The bounds prune the other days.
  AND e.id >= (SELECT id FROM c, unnest(c.ids) id ORDER BY id LIMIT 1)
  AND e.id <= (SELECT id FROM c, unnest(c.ids) id ORDER BY id DESC LIMIT 1)
  AND e.outcome IS NOT NULL
  AND e.lease_until IS NULL
