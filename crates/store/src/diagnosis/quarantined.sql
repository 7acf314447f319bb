SELECT queue, reason, count(*) AS n
FROM quarantine
WHERE at > carillon_now() - interval '24 hours'
GROUP BY queue, reason
ORDER BY n DESC, queue, reason
