SELECT n.job_row AS number
FROM notifications n
WHERE n.job_id = $1 AND n.id >= $2 AND n.id < $3 AND n.status <> $4
