UPDATE jobs j
SET row_change = NULL
FROM (SELECT $1::uuid AS job_id, $2::text AS change) c
WHERE j.id = c.job_id AND j.row_change = c.change
