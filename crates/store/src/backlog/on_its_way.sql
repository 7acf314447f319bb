SELECT queue, count(*) AS n,
       extract(epoch FROM carillon_now() - min(dispatched_at))::float8 AS oldest_seconds
FROM notifications
WHERE dispatched_at IS NOT NULL
GROUP BY queue
