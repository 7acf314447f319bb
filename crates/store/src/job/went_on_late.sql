SELECT DISTINCT j.started_at
FROM jobs j
WHERE j.started_at < $1 AND j.updated_at > j.started_at + interval '1 day'
ORDER BY j.started_at
