-- Providers whose calls are limited, and a budget for each that has none yet.
WITH limited AS (
    SELECT p.name, coalesce(p.rate_per_second, b.reported_per_second) AS per_second
    FROM providers p
    LEFT JOIN provider_budgets b ON b.provider = p.name
    WHERE p.active AND coalesce(p.rate_per_second, b.reported_per_second) IS NOT NULL
), made AS (
    INSERT INTO provider_budgets (provider)
    SELECT l.name FROM limited l
    WHERE NOT EXISTS (SELECT FROM provider_budgets b WHERE b.provider = l.name)
    ON CONFLICT DO NOTHING
)
SELECT l.name AS provider, l.per_second::float8 AS per_second FROM limited l
