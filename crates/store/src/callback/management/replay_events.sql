UPDATE callback_events e
SET due_at = carillon_now(), wait_reason = 'new', outcome = NULL, completed_at = NULL,
    attempts_before_replay = e.attempts
WHERE e.callback_id = $1
  AND e.service_id = $2
  AND e.id = ANY ($3)
  AND e.outcome IS NOT NULL
  AND e.lease_until IS NULL
