-- Adds a sender; a new default takes the place of the old one in the same statement, so that a
-- refused sender leaves the old default. The count makes the insert wait for the update.
WITH given AS (
    SELECT $1::uuid AS id, $2::uuid AS service_id, $3::text AS channel, $4::text AS value,
           $5::bool AS is_default
), cleared AS (
    UPDATE service_senders s SET is_default = false
    FROM given g
    WHERE g.is_default AND s.is_default AND s.service_id = g.service_id AND s.channel = g.channel
    RETURNING s.id
), after AS (
    SELECT count(*) AS n_cleared FROM cleared
)
INSERT INTO service_senders (id, service_id, channel, value, is_default)
SELECT g.id, g.service_id, g.channel, g.value, g.is_default FROM given g, after
