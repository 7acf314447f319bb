-- Leases from budgets of requests: each holds at most what a minute allows and fills evenly, as
-- core::limits::bucket has it. What is proposed is a first lease, of a full budget; where there is one
-- already, the proposal says what is allowed (tokens + granted) and what is wanted (granted). A clock
-- that was set back must not stop a budget from filling.
INSERT INTO service_rate_budgets AS b (service_id, key_type, tokens, granted, refilled_at)
SELECT t.service_id, t.key_type, t.allowed - least(t.wanted, t.allowed), least(t.wanted, t.allowed), c.now
FROM unnest($1::uuid[], $2::text[], $3::int[], $4::int[]) AS t (service_id, key_type, allowed, wanted),
    (SELECT carillon_now() AS now) c
-- In one order for all processes, so that none waits for another in a circle.
ORDER BY t.service_id, t.key_type
ON CONFLICT (service_id, key_type) DO UPDATE
SET (tokens, granted, refilled_at) = (
    SELECT f.tokens - g.granted, g.granted, f.at
    FROM (
        SELECT
            least(
                e.allowed,
                b.tokens + e.allowed * extract(epoch FROM greatest(e.now - b.refilled_at, interval '0'))::float8 / 60
            ) AS tokens,
            CASE WHEN b.refilled_at > e.now + interval '1 second' THEN e.now
                ELSE greatest(b.refilled_at, e.now) END AS at
        FROM (
            SELECT excluded.tokens + excluded.granted AS allowed, excluded.refilled_at AS now
        ) e
    ) f
    CROSS JOIN LATERAL (SELECT greatest(least(excluded.granted, floor(f.tokens)), 0)::int AS granted) g
)
RETURNING b.service_id, b.key_type, b.granted, b.tokens AS "left"
