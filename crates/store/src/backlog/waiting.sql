SELECT wait_reason AS reason, count(*) AS n,
       greatest(0, extract(epoch FROM carillon_now() - min(due_at)))::float8 AS overdue_seconds
FROM notifications
WHERE due_at IS NOT NULL
GROUP BY wait_reason
