-- Claims the next chunk of a job that nobody holds, or the one that this token has held already, and
-- starts the job with its first chunk. The first start is the time in its rows' ids, which have
-- milliseconds. An attempt is counted whenever a chunk is found that somebody held and did not save:
-- the same token comes twice if the worker that took it vanished. Whoever has something to do puts a
-- task back for the rest, so the job counts as sent on again, to the second: the grace of
-- stands_still.sql is longer.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::uuid AS job_id, $2::uuid AS token,
        $3::bigint * interval '1 millisecond' AS lease
), going AS MATERIALIZED (
    SELECT j.id
    FROM jobs j, c
    WHERE j.id = c.job_id AND j.status IN ('pending', 'in progress', 'finished')
), held AS MATERIALIZED (
    SELECT k.chunk
    FROM job_chunks k, c
    WHERE k.job_id = (SELECT id FROM going) AND k.lease_token = c.token
    ORDER BY k.chunk
    LIMIT 1
    -- One that another's claim looks at for an instant is waited for: whoever skipped it would take a
    -- second chunk, and nobody would save the first before its lease ends.
    FOR UPDATE OF k
), free AS MATERIALIZED (
    SELECT k.chunk
    FROM job_chunks k, c
    WHERE NOT EXISTS (SELECT FROM held)
      AND k.job_id = (SELECT id FROM going)
      AND k.saved_at IS NULL AND (k.lease_until IS NULL OR k.lease_until < c.now)
    ORDER BY k.chunk
    LIMIT 1
    FOR UPDATE OF k SKIP LOCKED
), next AS (
    SELECT chunk FROM held UNION ALL SELECT chunk FROM free
), claimed AS (
    UPDATE job_chunks k
    SET lease_token = c.token,
        lease_until = c.now + c.lease,
        attempts = k.attempts + CASE WHEN k.saved_at IS NULL THEN 1 ELSE 0 END
    FROM next, c
    WHERE k.job_id = c.job_id AND k.chunk = next.chunk
    RETURNING k.chunk, k.n_rows, k.attempts
), work AS MATERIALIZED (
    SELECT c.job_id, c.now, EXISTS (SELECT FROM claimed) AS has_chunk FROM c
), started AS (
    UPDATE jobs j
    SET status = CASE WHEN j.status = 'pending' AND w.has_chunk THEN 'in progress' ELSE j.status END,
        started_at = CASE WHEN w.has_chunk THEN coalesce(j.started_at, date_trunc('milliseconds', w.now))
            ELSE j.started_at END,
        updated_at = CASE WHEN w.has_chunk AND j.started_at IS NULL THEN w.now ELSE j.updated_at END,
        relayed_at = CASE WHEN j.relayed_at IS NOT NULL THEN w.now END
    FROM work w
    WHERE j.id = w.job_id
      AND CASE
          WHEN j.status = 'pending' OR j.status = 'in progress' AND j.started_at IS NULL THEN w.has_chunk
          WHEN j.status = 'in progress' OR j.row_change IS NOT NULL
              THEN (w.has_chunk OR j.row_change IS NOT NULL) AND j.relayed_at < w.now - interval '1 second'
          END
    RETURNING j.status, j.started_at
)
SELECT coalesce(s.status, j.status) AS status, coalesce(s.started_at, j.started_at) AS started_at,
    v.active, j.row_change, k.chunk, k.n_rows, k.attempts, j.service_id, j.template_id,
    j.template_version, j.api_key_id, j.key_type, j.channel, j.lane, j.queue, j.sender, j.storage,
    j.trace_id, j.trace_span
FROM c
JOIN jobs j ON j.id = c.job_id
JOIN services v ON v.id = j.service_id
LEFT JOIN claimed k ON true
LEFT JOIN started s ON true
