SELECT a.attempt, a.at, a.http_status, a.error, a.duration_ms
FROM callback_attempts a
WHERE a.event_id = $1
ORDER BY a.attempt
