SELECT c.service_id, c.channel, 0::bigint AS granted, t.day, coalesce(d.n, 0) AS n,
    (extract(epoch FROM (t.day + 1)::timestamp AT TIME ZONE 'UTC' - t.now) * 1000)::bigint AS lasts_ms
FROM (SELECT $1::uuid AS service_id, $2::text AS channel) c
CROSS JOIN (
    SELECT n.now, (n.now AT TIME ZONE 'UTC')::date AS day FROM (SELECT carillon_now() AS now OFFSET 0) n
) t
LEFT JOIN service_daily_counts d
    ON d.service_id = c.service_id AND d.day = t.day AND d.channel = c.channel
