-- A result whose lease had been taken away: it changes no status, but what the provider said is
-- worth knowing. Rows are locked in the order of their ids, in which mark.sql writes.
WITH results AS (
    SELECT * FROM unnest($1::uuid[], $2::jsonb[]) AS t (id, detail)
), c AS MATERIALIZED (
    SELECT carillon_now() AS now, $3::text AS actor, $4::uuid AS lowest, $5::uuid AS highest
), locked AS MATERIALIZED (
    SELECT n.id FROM notifications n
    WHERE n.id = ANY ($1) AND n.id >= $4 AND n.id <= $5
    ORDER BY n.id
    FOR NO KEY UPDATE
), noted AS (
    UPDATE notifications n SET last_seq = n.last_seq + 1
    FROM results r, c
    WHERE (SELECT count(*) FROM locked) > 0
      AND n.id = r.id AND n.id >= c.lowest AND n.id <= c.highest
    RETURNING n.id, n.last_seq, r.detail
)
INSERT INTO notification_events (notification_id, seq, at, event, reason, actor, detail)
SELECT m.id, m.last_seq, c.now, 'attempted-late', 'stale-result', c.actor, m.detail
FROM noted m, c
