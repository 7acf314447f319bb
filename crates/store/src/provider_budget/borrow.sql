-- Takes as many calls as are there of those wanted. A budget fills at the provider's rate, up to a
-- quarter of a second's calls, so that a worker that is late loses none; one that nobody used for a
-- second starts with a tenth. In the order of the names, so that no two workers wait for each other.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now
), asked AS (
    SELECT * FROM unnest($1::text[], $2::int[]) AS t (provider, wanted)
), limited AS (
    SELECT b.provider, a.wanted, b.tokens, b.refilled_at,
        coalesce(p.rate_per_second, b.reported_per_second) AS rate
    FROM asked a
    JOIN provider_budgets b ON b.provider = a.provider
    JOIN providers p ON p.name = a.provider
    ORDER BY b.provider
    FOR UPDATE OF b
), filled AS (
    SELECT l.provider, l.wanted,
        CASE
            WHEN c.now > l.refilled_at + interval '1 second' THEN greatest(l.rate * 0.1, 1)
            ELSE least(
                l.tokens + l.rate * greatest(extract(epoch FROM c.now - l.refilled_at), 0),
                greatest(l.rate * 0.25, 1))
        END AS tokens,
        -- Who waited for another's lock looked at the clock before that one.
        greatest(c.now, l.refilled_at) AS refilled_at
    FROM limited l, c
    WHERE l.rate IS NOT NULL
), granted AS (
    SELECT f.provider, f.tokens, f.refilled_at, least(f.wanted, floor(f.tokens)) AS n
    FROM filled f
)
UPDATE provider_budgets b
SET tokens = g.tokens - g.n, refilled_at = g.refilled_at
FROM granted g
WHERE b.provider = g.provider
RETURNING b.provider, g.n::int AS granted
