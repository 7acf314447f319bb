-- By the range of the primary key alone; rows of jobs, whose ids carry their job's start, are not the
-- API's.
SELECT r.service_id, r.lane, r.entry,
    CASE r.entry WHEN 'waiting' THEN r.wait_reason WHEN 'terminal' THEN r.status ELSE '' END AS detail,
    count(*) AS n
FROM (
    SELECT n.service_id, n.lane, n.wait_reason, n.status,
        CASE
            WHEN n.status = ANY($1::text[]) THEN 'terminal'
            WHEN n.due_at IS NOT NULL THEN 'waiting'
            WHEN n.dispatched_at IS NOT NULL OR n.lease_until IS NOT NULL THEN 'on-its-way'
            WHEN n.status = 'created' THEN 'adrift'
            ELSE 'with-provider'
        END AS entry
    FROM notifications n
    WHERE n.id >= $2 AND n.id < $3 AND n.origin = 'api'
) r
GROUP BY 1, 2, 3, 4
