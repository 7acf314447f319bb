UPDATE notifications n
SET status = 'sending', attempts = 1, provider = 'sandbox-email', provider_reference = n.id::text,
    sent_at = now(), dispatched_at = NULL, last_seq = n.last_seq + 1, updated_at = now()
WHERE n.id = ANY ($1::text[]::uuid[]) AND n.id >= $2::text::uuid AND n.id <= $3::text::uuid
