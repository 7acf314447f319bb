-- What became a job's is none, and its note says nothing any more.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::uuid AS after
), made AS (
    DELETE FROM job_payloads_outside o
    USING jobs j, c
    WHERE o.removable_at <= c.now AND j.id = o.job_id
)
SELECT o.job_id AS id, o.storage
FROM job_payloads_outside o, c
WHERE o.removable_at <= c.now AND o.job_id > c.after
  AND NOT EXISTS (SELECT FROM jobs j WHERE j.id = o.job_id)
ORDER BY o.job_id
LIMIT $2
