-- What bounced before the release is on the brake's record and counts no more, or the next look would
-- stop the service again.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::uuid AS service_id, $2::text AS released_by, $3::text AS reason
), released AS (
    UPDATE services s
    SET email_braked_at = NULL
    FROM c
    WHERE s.id = c.service_id AND s.email_braked_at IS NOT NULL
    RETURNING s.id
), noted AS (
    UPDATE service_brakes b
    SET released_at = c.now,
        released_by = c.released_by,
        release_reason = c.reason
    FROM released r, c
    WHERE b.service_id = r.id AND b.released_at IS NULL
), forgotten AS (
    DELETE FROM service_bounce_hours h USING released r WHERE h.service_id = r.id
), not_added AS (
    DELETE FROM email_tallies t USING released r WHERE t.service_id = r.id
)
SELECT count(*) AS n FROM released
