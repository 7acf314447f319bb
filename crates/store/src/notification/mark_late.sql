-- A result whose lease had been taken away: it changes no status, but what the provider said is
-- worth knowing.
WITH results AS (
    SELECT * FROM unnest($1::uuid[], $2::jsonb[]) AS t (id, detail)
), c AS MATERIALIZED (
    SELECT carillon_now() AS now, $3::text AS actor
), noted AS (
    UPDATE notifications n SET last_seq = n.last_seq + 1
    FROM results r WHERE n.id = r.id
    RETURNING n.id, n.last_seq, r.detail
)
INSERT INTO notification_events (notification_id, seq, at, event, reason, actor, detail)
SELECT m.id, m.last_seq, c.now, 'attempted-late', 'stale-result', c.actor, m.detail
FROM noted m, c
