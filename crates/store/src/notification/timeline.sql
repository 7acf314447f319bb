SELECT at, event, reason, actor, detail
FROM notification_events
WHERE notification_id = $1
ORDER BY seq
