WITH c AS MATERIALIZED (
    SELECT carillon_now() - interval '24 hours' AS since, $1::uuid AS service_id
)
SELECT c.service_id, coalesce(sum(h.sent), 0)::bigint AS sent,
    coalesce(sum(h.hard_bounced), 0)::bigint AS hard_bounced, false AS is_braked
FROM c
LEFT JOIN service_bounce_hours h ON h.service_id = c.service_id AND h.hour > c.since
GROUP BY c.service_id
