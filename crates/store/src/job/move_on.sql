-- The poller sends the job on at once, so that whoever moved it need not.
UPDATE jobs j
SET status = c.target,
    status_reason = c.reason,
    row_change = coalesce(c.row_change, j.row_change),
    finished_at = CASE WHEN c.target = 'in progress' THEN NULL ELSE j.finished_at END,
    relayed_at = NULL,
    updated_at = c.now
FROM (
    SELECT carillon_now() AS now, $1::uuid AS job_id, $2::text[] AS sources, $3::text AS target,
        $4::text AS reason, $5::text AS row_change
) c
WHERE j.id = c.job_id AND j.status = ANY (c.sources)
