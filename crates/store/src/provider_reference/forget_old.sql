DELETE FROM provider_references
WHERE (provider, reference) IN (
    SELECT provider, reference
    FROM provider_references
    WHERE created_at < carillon_now() - interval '4 days'
    LIMIT $1
)
