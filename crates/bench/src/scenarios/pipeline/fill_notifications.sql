-- The 48 bits of time grow with n; the rest of the id is as random as a UUIDv7's.
WITH day AS (
    SELECT extract(epoch FROM date_trunc('day', now(), 'UTC')) AS began, extract(epoch FROM now()) AS ends
)
INSERT INTO notifications (
    id, service_id, template_id, api_key_id, created_at, updated_at, sent_at, completed_at,
    template_version, attempts, last_seq, status, channel, lane, key_type, queue, recipient,
    normalised_recipient, provider, provider_reference, personalisation)
SELECT
    (lpad(to_hex(((day.began + (day.ends - day.began) * n / $1::bigint) * 1000)::bigint), 12, '0')
        || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid,
    $2::text::uuid, $3::text::uuid, $2::text::uuid, now(), now(), now(), now(),
    1, 1, 3, 'delivered', 'email', 'normal', 'normal', 'send-email',
    'load.' || lpad(n::text, 9, '0') || '@example.com',
    'load.' || lpad(n::text, 9, '0') || '@example.com',
    'sandbox-email', md5(n::text)::uuid::text, $4::text::jsonb
FROM day, generate_series(0, $1::bigint - 1) AS n
