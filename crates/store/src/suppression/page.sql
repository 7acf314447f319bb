-- One channel's part of a service's list, by the primary key.
SELECT s.channel, s.recipient, s.reason, s.source_notification_id, s.created_at
FROM suppressions s
WHERE s.service_id = $1
  AND s.channel = $2
  AND (s.recipient, s.reason) > ($3, $4)
ORDER BY s.recipient, s.reason
LIMIT $5
