SELECT n.status, count(*) AS n
FROM notifications n
WHERE n.job_id = $1 AND n.id >= $2 AND n.id < $3
GROUP BY n.status
ORDER BY n.status
