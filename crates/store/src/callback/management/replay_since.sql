-- Forwards through the index of the callback's events, a page at a time, whatever is found in it.
WITH page AS MATERIALIZED (
    SELECT e.id,
        e.outcome IS NOT NULL AND e.lease_until IS NULL
            AND coalesce(e.written_at, e.occurred_at) >= $1
            AND (e.outcome <> 'delivered' OR NOT $2) AS is_wanted
    FROM callback_events e
    WHERE e.callback_id = $3
      AND e.service_id = $4
      AND e.id > $5
    ORDER BY e.id
    LIMIT $6
), batch AS MATERIALIZED (
    SELECT id FROM page WHERE is_wanted
), replayed AS (
    UPDATE callback_events e
    SET due_at = carillon_now(), wait_reason = 'new', outcome = NULL, completed_at = NULL,
        attempts_before_replay = e.attempts, begun_at = NULL
    WHERE e.id = ANY (ARRAY(SELECT id FROM batch))
      AND e.id >= (SELECT id FROM batch ORDER BY id LIMIT 1)
      AND e.id <= (SELECT id FROM batch ORDER BY id DESC LIMIT 1)
      AND e.outcome IS NOT NULL
      AND e.lease_until IS NULL
    RETURNING e.id
)
SELECT (SELECT count(*) FROM replayed) AS n_replayed,
    (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last
