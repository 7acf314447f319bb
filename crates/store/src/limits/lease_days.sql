-- Tells counters how much of them is one process's, and leases from today's: a counter moves on by what
-- the share has changed and by what is granted, and never past its limit by the latter. What is
-- proposed is the first that a counter hears; where there is one already, the proposal says what is
-- wanted (granted), what is allowed (day_limit) and the share (n without granted). A share that is known
-- already is told only of today, lest it be taken for none.
WITH c AS MATERIALIZED (
    SELECT (carillon_now() AT TIME ZONE 'UTC')::date AS today, $1::text AS process, $2::bigint AS number
), told AS (
    INSERT INTO service_daily_counts AS d (service_id, day, channel, n, granted, day_limit, shares)
    SELECT t.service_id, t.day, t.channel, t.share + t.granted, t.granted, t.allowed,
        jsonb_build_object(c.process, jsonb_build_array(t.share + t.granted, c.number))
    FROM c, (
        SELECT service_id, day, channel, coalesce(s.n, 0) AS share, coalesce(a.allowed, 0) AS allowed,
            greatest(least(coalesce(a.wanted, 0), coalesce(a.allowed, 0) - coalesce(s.n, 0)), 0) AS granted
        FROM unnest($3::uuid[], $4::text[], $5::date[], $6::bigint[], $7::boolean[])
                AS s (service_id, channel, day, n, is_known)
        FULL JOIN (
            SELECT u.*, c.today AS day
            FROM unnest($8::uuid[], $9::text[], $10::bigint[], $11::bigint[])
                    AS u (service_id, channel, allowed, wanted),
                c
        ) a USING (service_id, channel, day)
        WHERE a.wanted IS NOT NULL OR NOT s.is_known
    ) t
    -- In one order for all processes, so that none waits for another in a circle.
    ORDER BY t.service_id, t.day, t.channel
    ON CONFLICT (service_id, day, channel) DO UPDATE
    SET (n, granted, day_limit, shares) = (
        SELECT e.others + e.share + g.granted, g.granted, excluded.day_limit,
            d.shares || jsonb_build_object(e.process, jsonb_build_array(e.share + g.granted, e.number))
        FROM (
            SELECT c.process, c.number, excluded.n - excluded.granted AS share,
                greatest(d.n - coalesce((d.shares -> c.process ->> 0)::bigint, 0), 0) AS others
            FROM c
        ) e
        CROSS JOIN LATERAL (
            SELECT greatest(least(excluded.granted, excluded.day_limit - e.others - e.share), 0) AS granted
        ) g
    )
    -- A statement that was overtaken by a later one says what is past.
    WHERE (SELECT c.number > coalesce((d.shares -> c.process ->> 1)::bigint, 0) FROM c)
    RETURNING d.service_id, d.channel, d.granted, d.day, d.n
)
SELECT t.service_id, t.channel, t.granted, t.day, t.n,
    (extract(epoch FROM (t.day + 1)::timestamp AT TIME ZONE 'UTC' - carillon_now()) * 1000)::bigint AS lasts_ms
FROM told t
JOIN c ON t.day = c.today
