-- On the newest hour, so that whoever is warned for hours is warned once in each.
UPDATE service_bounce_hours h
SET warned = true
FROM (
    SELECT service_id, max(hour) AS hour FROM service_bounce_hours WHERE service_id = $1 GROUP BY service_id
) newest
WHERE h.service_id = newest.service_id AND h.hour = newest.hour AND NOT h.warned
