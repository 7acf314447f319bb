-- Puts events that are on their way, and in nobody's hands, back to waiting.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::text AS reason, $2::bigint AS wait_ms, $3::uuid[] AS ids,
        $4::uuid AS lowest, $5::uuid AS highest
)
UPDATE callback_events e
SET due_at = c.now + c.wait_ms * interval '1 millisecond',
    wait_reason = c.reason,
    dispatched_at = NULL
FROM c
WHERE e.id = ANY (c.ids)
  AND e.id >= (SELECT lowest FROM c) AND e.id <= (SELECT highest FROM c)
  AND e.completed_at IS NULL AND e.due_at IS NULL AND e.lease_until IS NULL
