-- Of several workers one asks a provider for its rate: who moves `asked_at`.
INSERT INTO provider_budgets AS b (provider, asked_at)
SELECT p.name, carillon_now()
FROM providers p
WHERE p.name = ANY ($1) AND p.active AND p.rate_per_second IS NULL
ORDER BY p.name
ON CONFLICT (provider) DO UPDATE SET asked_at = excluded.asked_at
    WHERE b.asked_at IS NULL OR b.asked_at <= excluded.asked_at - $2::bigint * interval '1 millisecond'
RETURNING provider
