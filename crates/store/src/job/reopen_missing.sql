-- Compares each chunk of a finished job with the rows that are there: a row belongs to the last chunk
-- that begins before it. (Comparing rows with both ends of each chunk would take chunks times rows.)
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, j.id AS job_id
    FROM jobs j
    WHERE j.id = $1 AND j.status = 'finished'
    FOR UPDATE
), chunks AS MATERIALIZED (
    SELECT k.chunk, k.n_rows, k.first_row, row_number() OVER (ORDER BY k.first_row) AS nth
    FROM c
    JOIN job_chunks k ON k.job_id = c.job_id
), there AS MATERIALIZED (
    SELECT width_bucket(n.job_row, (SELECT array_agg(first_row ORDER BY first_row) FROM chunks)) AS nth,
        count(*) AS n
    FROM notifications n
    WHERE n.id >= $2 AND n.id < $3 AND n.job_id = (SELECT job_id FROM c)
    GROUP BY 1
), reopened AS (
    UPDATE job_chunks k
    SET saved_at = NULL,
        lease_token = NULL,
        lease_until = NULL
    FROM c, chunks LEFT JOIN there USING (nth)
    WHERE k.job_id = c.job_id AND k.chunk = chunks.chunk AND k.saved_at IS NOT NULL
      AND coalesce(there.n, 0) < chunks.n_rows
    RETURNING k.chunk
), judged AS (
    UPDATE jobs j
    SET status = CASE WHEN r.n > 0 THEN 'in progress' ELSE j.status END,
        finished_at = CASE WHEN r.n > 0 THEN NULL ELSE j.finished_at END,
        checked_at = CASE WHEN r.n > 0 THEN NULL ELSE c.now END,
        relayed_at = CASE WHEN r.n > 0 THEN NULL ELSE j.relayed_at END,
        updated_at = CASE WHEN r.n > 0 THEN c.now ELSE j.updated_at END
    FROM c, (SELECT count(*) AS n FROM reopened) r
    WHERE j.id = c.job_id
)
SELECT chunk FROM reopened ORDER BY chunk
