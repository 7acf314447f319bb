-- Jobs to send on: those whose time has come; those that somebody moved or nobody could publish; and
-- those whose tasks are proved lost, for all that was published before a marker has come out of the
-- queue, and nobody holds a chunk. Several pollers share the work.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::text AS queue, $2::bigint * interval '1 millisecond' AS grace,
        $3::integer AS pieces
), still AS MATERIALIZED (
    SELECT j.id,
        (SELECT count(*) FROM job_chunks k WHERE k.job_id = j.id AND k.saved_at IS NULL) AS n_open
    FROM jobs j, c
    WHERE (j.status IN ('scheduled', 'pending', 'in progress') OR j.row_change IS NOT NULL)
      AND CASE WHEN j.status = 'scheduled' THEN j.scheduled_for <= c.now ELSE
          j.relayed_at IS NULL
          OR j.relayed_at < (SELECT w.published_at - c.grace FROM lane_watermarks w WHERE w.queue = c.queue)
             AND NOT EXISTS (
                 SELECT FROM job_chunks k
                 WHERE k.job_id = j.id AND k.saved_at IS NULL AND k.lease_until > c.now)
          END
    ORDER BY j.id
    LIMIT $4
    FOR UPDATE OF j SKIP LOCKED
)
UPDATE jobs j
SET status = CASE WHEN j.status = 'scheduled' THEN 'pending' ELSE j.status END,
    relayed_at = c.now,
    updated_at = CASE WHEN j.status = 'scheduled' THEN c.now ELSE j.updated_at END
FROM still, c
WHERE j.id = still.id
RETURNING j.id, greatest(1, least(c.pieces, still.n_open))::integer AS n_pieces
