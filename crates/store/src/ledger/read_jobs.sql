-- By where jobs stand. A chunk is saved in one transaction with the fact that it is, and jobs that
-- are finished have their rows counted by the schedule.
WITH c AS MATERIALIZED (
    SELECT $1::timestamptz AS since, $2::uuid AS service_id, $3::text AS lane
)
SELECT j.service_id, j.lane, j.status, j.status_reason, count(*) AS n_jobs,
    sum(j.n_rows)::bigint AS n_rows, sum(k.n_saved)::bigint AS n_saved
FROM c
JOIN jobs j ON j.created_at >= c.since
    AND (c.service_id IS NULL OR j.service_id = c.service_id) AND (c.lane IS NULL OR j.lane = c.lane)
CROSS JOIN LATERAL (
    SELECT coalesce(sum(k.n_rows), 0) AS n_saved
    FROM job_chunks k
    WHERE k.job_id = j.id AND k.saved_at IS NOT NULL
) k
GROUP BY j.service_id, j.lane, j.status, j.status_reason
