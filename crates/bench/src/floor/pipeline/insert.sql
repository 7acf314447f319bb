INSERT INTO notifications (
    id, service_id, template_id, api_key_id, template_version, channel, lane, key_type, queue,
    recipient, normalised_recipient, created_at, personalisation, dispatched_at)
SELECT t.id::uuid, $2::text::uuid, $3::text::uuid, $2::text::uuid, 1, 'email', 'normal', 'normal', 'send-email',
    t.recipient, t.recipient, now(), t.personalisation::jsonb, now()
FROM unnest($1::text[], $4::text[], $5::text[]) AS t (id, recipient, personalisation)
