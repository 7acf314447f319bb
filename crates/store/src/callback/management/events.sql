-- Backwards through the index of the callback's events.
SELECT e.id, e.callback_id, e.service_id, e.notification_id, e.kind, e.status, e.occurred_at, e.attempts,
    e.outcome, e.completed_at, e.due_at, e.wait_reason, e.last_http_status, e.last_error
FROM callback_events e
WHERE e.callback_id = $1
  AND e.service_id = $2
  AND e.id < $3
  AND coalesce(e.outcome, '') = ANY (coalesce($4::text[], ARRAY[coalesce(e.outcome, '')]))
ORDER BY e.id DESC
LIMIT $5
