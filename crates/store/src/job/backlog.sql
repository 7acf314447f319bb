SELECT count(*) AS n_jobs,
    coalesce(sum(o.n_rows), 0)::bigint AS n_rows,
    coalesce(extract(epoch FROM max(c.now - o.due_since)), 0)::double precision AS overdue_seconds
FROM (SELECT carillon_now() AS now) c
CROSS JOIN LATERAL (
    SELECT coalesce(j.scheduled_for, j.created_at) AS due_since,
        (SELECT sum(k.n_rows) FROM job_chunks k WHERE k.job_id = j.id AND k.saved_at IS NULL) AS n_rows
    FROM jobs j
    WHERE j.status IN ('pending', 'in progress')
) o
