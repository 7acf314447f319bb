-- Makes due what a brake held of a service. Such rows are due within a hundred days, far ahead of
-- everything else that waits and long before those of paused jobs, so the index of what waits leads to
-- them and to no others.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::uuid AS service_id, $2::text AS reason
), held AS MATERIALIZED (
    SELECT id FROM notifications
    WHERE due_at > (SELECT now + interval '30 days' FROM c)
      AND due_at < (SELECT now + interval '101 days' FROM c)
      AND wait_reason = (SELECT reason FROM c)
      AND service_id = (SELECT service_id FROM c)
    ORDER BY due_at
    LIMIT $3
    FOR UPDATE SKIP LOCKED
)
UPDATE notifications n
SET due_at = c.now,
    updated_at = c.now
FROM c
-- An array and not a join, which might read whole days; the bounds prune the other days.
WHERE n.id = ANY (ARRAY(SELECT id FROM held))
  AND n.id >= (SELECT id FROM held ORDER BY id LIMIT 1)
  AND n.id <= (SELECT id FROM held ORDER BY id DESC LIMIT 1)
