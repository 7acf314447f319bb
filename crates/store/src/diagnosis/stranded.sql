-- What the rescue should have sent on by now: leases that ran out, and rows dispatched before their
-- lane's watermark less a grace.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::bigint * interval '1 millisecond' AS grace,
           $2::bigint * interval '1 millisecond' AS patience
)
SELECT n.queue,
       count(*) FILTER (WHERE n.lease_until < c.now - c.patience) AS n_leases,
       count(*) FILTER (WHERE n.lease_until IS NULL AND n.status = 'created'
                              AND n.dispatched_at < w.published_at - c.grace - c.patience) AS n_fallen
FROM c
CROSS JOIN notifications n
LEFT JOIN lane_watermarks w ON w.queue = n.queue
WHERE n.dispatched_at IS NOT NULL
GROUP BY n.queue
ORDER BY n.queue
