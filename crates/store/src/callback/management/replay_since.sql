-- Forwards through the index of the callback's events, a batch at a time.
WITH batch AS MATERIALIZED (
    SELECT e.id
    FROM callback_events e
    WHERE e.callback_id = $1
      AND e.service_id = $2
      AND e.id > $3
      AND e.occurred_at >= $4
      AND e.outcome IS NOT NULL
      AND (e.outcome <> 'delivered' OR NOT $5)
      AND e.lease_until IS NULL
    ORDER BY e.id
    LIMIT $6
), replayed AS (
    UPDATE callback_events e
    SET due_at = carillon_now(), wait_reason = 'new', outcome = NULL, completed_at = NULL,
        attempts_before_replay = e.attempts
    WHERE e.id = ANY (ARRAY(SELECT id FROM batch))
      AND e.id >= (SELECT id FROM batch ORDER BY id LIMIT 1)
      AND e.id <= (SELECT id FROM batch ORDER BY id DESC LIMIT 1)
      AND e.outcome IS NOT NULL
      AND e.lease_until IS NULL
    RETURNING e.id
)
SELECT (SELECT count(*) FROM replayed) AS n_replayed,
    (SELECT id FROM batch ORDER BY id DESC LIMIT 1) AS last
