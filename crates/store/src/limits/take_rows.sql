-- Counts so many messages of today for a process, with its share of them, or none. Where there is a
-- counter, the proposal says what the share is to be then (n) and what is allowed (day_limit).
WITH c AS MATERIALIZED (
    SELECT (carillon_now() AT TIME ZONE 'UTC')::date AS today, $1::text AS process, $2::bigint AS number,
        $3::uuid AS service_id, $4::text AS channel, $5::bigint AS allowed, $6::bigint AS n_rows
), t AS MATERIALIZED (
    SELECT c.n_rows + coalesce(sum(s.n), 0)::bigint AS share
    FROM c
    LEFT JOIN unnest($7::date[], $8::bigint[]) AS s (day, n) ON s.day = c.today
    GROUP BY c.n_rows
)
INSERT INTO service_daily_counts AS d (service_id, day, channel, n, granted, day_limit, shares)
SELECT c.service_id, c.today, c.channel, t.share, 0, c.allowed,
    jsonb_build_object(c.process, jsonb_build_array(t.share, c.number))
FROM c, t
WHERE t.share <= c.allowed
ON CONFLICT (service_id, day, channel) DO UPDATE
SET n = excluded.n + (
        SELECT greatest(d.n - coalesce((d.shares -> c.process ->> 0)::bigint, 0), 0) FROM c
    ),
    shares = d.shares || excluded.shares
WHERE (
    SELECT c.number > coalesce((d.shares -> c.process ->> 1)::bigint, 0)
        AND excluded.n + greatest(d.n - coalesce((d.shares -> c.process ->> 0)::bigint, 0), 0) <= c.allowed
    FROM c
)
RETURNING d.service_id, d.channel, 0::bigint AS granted, d.day, d.n,
    (extract(epoch FROM (d.day + 1)::timestamp AT TIME ZONE 'UTC' - carillon_now()) * 1000)::bigint AS lasts_ms
