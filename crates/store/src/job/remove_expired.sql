-- The same conditions as of expired.sql, on the row as it is once it is locked: somebody may have let
-- the job go on. What lies outside is noted in the same breath, for no row names it any more.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::uuid AS job_id, $2::text[] AS ends, $3::text AS in_postgres
), gone AS (
    DELETE FROM jobs j
    USING c, services s
    WHERE j.id = c.job_id AND s.id = j.service_id
      AND j.status = ANY (c.ends)
      AND j.row_change IS NULL
      AND job_kept_until(j, CASE j.channel WHEN 'sms' THEN s.sms_retention_days ELSE s.email_retention_days END)
          <= c.now
    RETURNING j.id, j.storage
), noted AS (
    INSERT INTO job_payloads_outside (job_id, storage, removable_at)
    SELECT gone.id, gone.storage, c.now
    FROM gone, c
    WHERE gone.storage <> c.in_postgres
    ON CONFLICT (job_id) DO UPDATE SET storage = excluded.storage, removable_at = excluded.removable_at
)
SELECT count(*) AS n FROM gone
