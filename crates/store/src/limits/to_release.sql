-- A worker knows a service for five seconds and holds a message for its lease at most; two minutes
-- after the release nobody goes by the brake any more.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now
)
SELECT b.service_id, b.braked_at, b.released_at < c.now - interval '2 minutes' AS is_known_to_all
FROM service_brakes b, c
WHERE b.released_at IS NOT NULL AND b.rows_released_at IS NULL
ORDER BY b.service_id, b.braked_at
