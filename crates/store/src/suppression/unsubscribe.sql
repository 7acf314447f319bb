-- Small letters of ASCII alone, as core::suppression compares; lower() would depend on the locale.
WITH message AS (
    SELECT n.service_id, n.channel, lower(n.normalised_recipient COLLATE "C") AS recipient, n.id
    FROM notifications n
    WHERE n.id = $1 AND n.service_id = $2 AND n.channel = 'email'
), added AS (
    INSERT INTO suppressions (service_id, channel, recipient, reason, source_notification_id)
    SELECT m.service_id, m.channel, m.recipient, 'unsubscribed', m.id
    FROM message m
    ON CONFLICT DO NOTHING
)
SELECT count(*) AS n_found FROM message
