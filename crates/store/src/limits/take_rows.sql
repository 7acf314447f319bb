-- Counts so many messages of today, or none of them. Where there is a counter, the proposal says how
-- many (n), how many of a lease they take the place of (granted) and what is allowed (day_limit).
INSERT INTO service_daily_counts AS d (service_id, day, channel, n, granted, day_limit)
SELECT c.service_id, (carillon_now() AT TIME ZONE 'UTC')::date, c.channel, c.n_rows, c.surrendered, c.allowed
FROM (
    SELECT $1::uuid AS service_id, $2::text AS channel, $3::bigint AS allowed, $4::bigint AS n_rows,
        $5::bigint AS surrendered
) c
WHERE c.n_rows <= c.allowed
ON CONFLICT (service_id, day, channel) DO UPDATE
SET n = greatest(d.n - excluded.granted, 0) + excluded.n
WHERE greatest(d.n - excluded.granted, 0) + excluded.n <= excluded.day_limit
RETURNING d.service_id, d.channel, d.granted, d.day, d.n,
    (extract(epoch FROM (d.day + 1)::timestamp AT TIME ZONE 'UTC' - carillon_now()) * 1000)::bigint AS lasts_ms
