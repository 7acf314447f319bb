SELECT j.id, j.started_at
FROM jobs j
WHERE j.status = 'finished' AND j.checked_at IS NULL AND j.started_at IS NOT NULL
ORDER BY j.finished_at
LIMIT $1
