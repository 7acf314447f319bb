-- Days of a range, both ends included, of which a table lacks its partition. A table of the right
-- name that is not attached takes no rows.
WITH wanted AS (
    SELECT $1::date AS first, $2::date AS last
)
SELECT day::date AS day
FROM wanted, generate_series(first::timestamp, last::timestamp, interval '1 day') AS day
WHERE 2 > (
    SELECT count(*) FROM pg_inherits
    WHERE NOT inhdetachpending
      AND ((inhparent = 'notifications'::regclass
            AND inhrelid = to_regclass('notifications_' || to_char(day, 'YYYYMMDD')))
        OR (inhparent = 'notification_events'::regclass
            AND inhrelid = to_regclass('notification_events_' || to_char(day, 'YYYYMMDD'))))
)
ORDER BY day
