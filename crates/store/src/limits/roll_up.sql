-- Adds tallies to the hours in which they were noted. Several pollers share the work.
WITH taken AS (
    DELETE FROM email_tallies
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM email_tallies LIMIT $1 FOR UPDATE SKIP LOCKED))
    RETURNING service_id, date_trunc('hour', at, 'UTC') AS hour, sent, hard_bounced
), added AS (
    INSERT INTO service_bounce_hours AS h (service_id, hour, sent, hard_bounced)
    SELECT service_id, hour, sum(sent), sum(hard_bounced)
    FROM taken
    GROUP BY service_id, hour
    -- In one order for all, so that none waits for another in a circle.
    ORDER BY service_id, hour
    ON CONFLICT (service_id, hour) DO UPDATE
    SET sent = h.sent + excluded.sent,
        hard_bounced = h.hard_bounced + excluded.hard_bounced
)
SELECT count(*) AS n FROM taken
