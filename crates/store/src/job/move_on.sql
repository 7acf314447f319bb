-- The poller sends the job on at once, so that whoever moved it need not. What let it go on begins anew:
-- its chunks are nobody's, and no attempt is counted. One that is being claimed or saved at this
-- moment is left: whoever has it locked its row before the job's.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::uuid AS job_id, $2::text[] AS sources, $3::text AS target,
        $4::text AS reason, $5::text AS row_change, $6::boolean AS begins_anew
), moved AS (
    UPDATE jobs j
    SET status = c.target,
        status_reason = c.reason,
        row_change = coalesce(c.row_change, j.row_change),
        row_change_at = CASE WHEN c.row_change IS NULL THEN j.row_change_at ELSE c.now END,
        row_change_after = CASE WHEN c.row_change IS NULL THEN j.row_change_after END,
        finished_at = CASE WHEN c.target = 'in progress' THEN NULL ELSE j.finished_at END,
        relayed_at = NULL,
        updated_at = c.now
    FROM c
    WHERE j.id = c.job_id AND j.status = ANY (c.sources)
    RETURNING j.id
), open AS MATERIALIZED (
    SELECT k.chunk
    FROM job_chunks k, c
    WHERE c.begins_anew AND k.job_id = (SELECT id FROM moved) AND k.saved_at IS NULL
      AND (k.attempts > 0 OR k.lease_until IS NOT NULL)
    FOR UPDATE OF k SKIP LOCKED
), fresh AS (
    UPDATE job_chunks k
    SET attempts = 0,
        lease_until = NULL,
        lease_token = NULL
    FROM open, c
    WHERE k.job_id = c.job_id AND k.chunk = open.chunk
)
SELECT count(*) AS n FROM moved
