-- Adds to counters what was accepted without a lease, and takes off what was leased and not used. The
-- correction travels in `granted`, for a proposal below zero would break the check of n.
INSERT INTO service_daily_counts AS d (service_id, day, channel, n, granted, day_limit)
SELECT t.service_id, t.day, t.channel, greatest(t.correction, 0), t.correction, 0
FROM unnest($1::uuid[], $2::text[], $3::date[], $4::bigint[]) AS t (service_id, channel, day, correction)
-- In one order for all processes, so that none waits for another in a circle.
ORDER BY t.service_id, t.day, t.channel
ON CONFLICT (service_id, day, channel) DO UPDATE
SET n = greatest(d.n + excluded.granted, 0)
