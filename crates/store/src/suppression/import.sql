-- Sorted, so that two imports of the same recipients wait for each other instead of locking up.
WITH given AS (
    SELECT $1::uuid AS service_id, $2::text AS channel, $3::text AS reason
)
INSERT INTO suppressions (service_id, channel, recipient, reason)
SELECT DISTINCT g.service_id, g.channel, r.recipient, g.reason
FROM given g, unnest($4::text[]) AS r (recipient)
ORDER BY r.recipient
ON CONFLICT DO NOTHING
