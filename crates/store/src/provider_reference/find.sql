SELECT r.provider, r.reference, r.notification_id
FROM unnest($1::text[], $2::text[]) AS t (provider, reference)
JOIN provider_references r USING (provider, reference)
