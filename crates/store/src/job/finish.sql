UPDATE jobs j
SET status = 'finished',
    finished_at = c.now,
    checked_at = NULL,
    updated_at = c.now
FROM (SELECT carillon_now() AS now, $1::uuid AS job_id) c
WHERE j.id = c.job_id
  AND j.status = 'in progress'
  AND NOT EXISTS (SELECT FROM job_chunks k WHERE k.job_id = j.id AND k.saved_at IS NULL)
