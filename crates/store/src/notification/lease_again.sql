-- Gives late results their lease back where the rescue has held the message for want of them
-- (rescue_lost.sql) and nobody has been given an attempt since: what is known of a call is better than
-- that nothing is. The mark that follows settles them. A result after which the message would be sent
-- again is of no use to a stopped job, no row of which is claimed (claim.sql).
WITH results AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bool[]) AS t (id, token, is_end)
), c AS MATERIALIZED (
    SELECT carillon_now() AS now, $4::bigint * interval '1 millisecond' AS lease,
        $5::uuid AS lowest, $6::uuid AS highest
)
UPDATE notifications n
SET lease_token = r.token,
    lease_until = c.now + c.lease,
    dispatched_at = c.now,
    due_at = NULL,
    wait_reason = NULL
FROM results r, c
WHERE n.id = r.id AND n.id >= c.lowest AND n.id <= c.highest
  AND n.status = 'created' AND n.wait_reason = 'answer-lost'
  AND EXISTS (
      SELECT FROM notification_events e
      WHERE e.notification_id = n.id AND e.event = 'held' AND e.reason = 'answer-lost'
        AND e.detail ->> 'lease' = r.token::text AND (e.detail ->> 'attempt')::int = n.attempts)
  AND (r.is_end OR n.job_id IS NULL OR NOT EXISTS (
      SELECT FROM jobs j WHERE j.id = n.job_id AND j.status IN ('paused', 'cancelled')))
RETURNING n.id
