WITH c AS MATERIALIZED (
    SELECT carillon_now() - interval '24 hours' AS since, $1::bigint AS least
)
SELECT h.service_id, sum(h.sent)::bigint AS sent, sum(h.hard_bounced)::bigint AS hard_bounced,
    s.email_braked_at IS NOT NULL AS is_braked
FROM service_bounce_hours h
JOIN services s ON s.id = h.service_id,
c
WHERE h.hour > c.since
GROUP BY h.service_id, s.email_braked_at, c.least
HAVING sum(h.sent) >= c.least
