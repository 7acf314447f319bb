SELECT s.channel, s.recipient, s.reason, s.source_notification_id, s.created_at
FROM suppressions s
WHERE s.service_id = $1 AND s.channel = $2 AND s.recipient = $3
ORDER BY s.reason
