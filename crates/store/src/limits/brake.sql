WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::uuid AS service_id, $2::bigint AS sent, $3::bigint AS hard_bounced
), braked AS (
    UPDATE services s
    SET email_braked_at = c.now
    FROM c
    WHERE s.id = c.service_id AND s.email_braked_at IS NULL
    RETURNING s.id
)
INSERT INTO service_brakes (service_id, braked_at, sent, hard_bounced)
SELECT b.id, c.now, c.sent, c.hard_bounced FROM braked b, c
