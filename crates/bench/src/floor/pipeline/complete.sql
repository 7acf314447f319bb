UPDATE notifications n
SET status = 'delivered', completed_at = now(), last_seq = n.last_seq + 1, updated_at = now()
WHERE n.id = ANY ($1::text[]::uuid[]) AND n.id >= $2::text::uuid AND n.id <= $3::text::uuid
