-- Gives late results their lease back where the rescue has held the message for want of them
-- (rescue_lost.sql) and no attempt has begun since, whether it still waits for a decision or is on its way
-- again after one: what is known of a call is better than that nothing is. The mark that follows settles
-- them. Rows are locked in the order of their ids, in which mark.sql writes. A result after which the message would be sent
-- again is of no use to a stopped job, no row of which is claimed (claim.sql).
WITH results AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bool[]) AS t (id, token, is_end)
), c AS MATERIALIZED (
    SELECT carillon_now() AS now, $4::bigint * interval '1 millisecond' AS lease,
        $5::uuid AS lowest, $6::uuid AS highest
), locked AS MATERIALIZED (
    SELECT n.id FROM notifications n
    WHERE n.id = ANY ($1) AND n.id >= $5 AND n.id <= $6
    ORDER BY n.id
    FOR NO KEY UPDATE
)
UPDATE notifications n
SET lease_token = r.token,
    lease_until = c.now + c.lease,
    dispatched_at = c.now,
    due_at = NULL,
    wait_reason = NULL
FROM results r, c
WHERE (SELECT count(*) FROM locked) > 0
  AND n.id = r.id AND n.id >= c.lowest AND n.id <= c.highest
  AND n.status = 'created' AND n.lease_until IS NULL
  AND EXISTS (
      SELECT FROM notification_events e
      WHERE e.notification_id = n.id AND e.event = 'held' AND e.reason = 'answer-lost'
        AND e.detail ->> 'lease' = r.token::text AND (e.detail ->> 'attempt')::int = n.attempts
        -- A repeat of a result that was settled is none.
        AND NOT EXISTS (
            SELECT FROM notification_events a
            WHERE a.notification_id = n.id AND a.event = 'attempted' AND a.seq > e.seq))
  AND (r.is_end OR n.job_id IS NULL OR NOT EXISTS (
      SELECT FROM jobs j WHERE j.id = n.job_id AND j.status IN ('paused', 'cancelled')))
RETURNING n.id
