-- Leases from today's counters: a counter moves on by what is granted, and never past its limit. What
-- is proposed is a day's first lease; where there is a counter already, the proposal says what is
-- wanted (granted) and what is allowed (day_limit).
INSERT INTO service_daily_counts AS d (service_id, day, channel, n, granted, day_limit)
SELECT t.service_id, c.day, t.channel, least(t.wanted, t.allowed), least(t.wanted, t.allowed), t.allowed
FROM unnest($1::uuid[], $2::text[], $3::int[], $4::int[]) AS t (service_id, channel, allowed, wanted),
    (SELECT (carillon_now() AT TIME ZONE 'UTC')::date AS day) c
-- In one order for all processes, so that none waits for another in a circle.
ORDER BY t.service_id, t.channel
ON CONFLICT (service_id, day, channel) DO UPDATE
SET (n, granted, day_limit) = (
    SELECT d.n + g.granted, g.granted, excluded.day_limit
    FROM (SELECT greatest(least(excluded.granted, excluded.day_limit - d.n), 0) AS granted) g
)
RETURNING d.service_id, d.channel, d.granted, d.day, d.n,
    (extract(epoch FROM (d.day + 1)::timestamp AT TIME ZONE 'UTC' - carillon_now()) * 1000)::bigint AS lasts_ms
