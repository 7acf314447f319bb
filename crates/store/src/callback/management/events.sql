-- Backwards through the index of the callback's events, a page at a time: those of the page that are
-- wanted, and its last one in any case.
WITH page AS MATERIALIZED (
    SELECT e.id, e.callback_id, e.service_id, e.notification_id, e.kind, e.status, e.occurred_at,
        e.attempts, e.outcome, e.completed_at, e.due_at, e.wait_reason, e.last_http_status, e.last_error
    FROM callback_events e
    WHERE e.callback_id = $1
      AND e.service_id = $2
      AND e.id < $3
      AND e.id >= $4
    ORDER BY e.id DESC
    LIMIT $5
), judged AS (
    SELECT p.*,
        coalesce(p.outcome, '') = ANY (coalesce($6::text[], ARRAY[coalesce(p.outcome, '')])) AS is_wanted
    FROM page p
)
SELECT j.* FROM judged j
WHERE j.is_wanted OR j.id = (SELECT id FROM page ORDER BY id LIMIT 1)
ORDER BY j.id DESC
