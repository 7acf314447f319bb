-- How long deliveries took, by provider: of the messages between two ids those that were delivered,
-- or may still be. One that is still out counts with the time it has waited.
WITH c AS MATERIALIZED (
    SELECT $1::timestamptz AS now, $2::bigint * interval '1 millisecond' AS slow_after, $3::text[] AS statuses
)
SELECT n.provider AS name, count(*) AS n_messages,
    count(*) FILTER (WHERE CASE WHEN n.status = 'delivered' THEN n.completed_at ELSE c.now END - n.sent_at
        > c.slow_after) AS n_slow
FROM notifications n, c
WHERE n.id >= $4 AND n.id < $5
  AND n.status = ANY (c.statuses)
  AND n.key_type <> 'test'
  AND n.provider IS NOT NULL AND n.sent_at IS NOT NULL
GROUP BY n.provider
