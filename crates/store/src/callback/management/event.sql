SELECT e.id, e.callback_id, e.service_id, e.notification_id, e.kind, e.status, e.occurred_at, e.attempts,
    e.outcome, e.completed_at, e.due_at, e.wait_reason, e.last_http_status, e.last_error
FROM callback_events e
WHERE e.id = $1
