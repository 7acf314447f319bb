SELECT coalesce(sum(k.n_rows), 0)::bigint AS n
FROM job_chunks k
WHERE k.job_id = $1 AND k.saved_at IS NOT NULL
