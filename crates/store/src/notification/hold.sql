-- Puts rows that are on their way, and in nobody's hands, back to waiting, each for its time. One that
-- was held for the same reason last has no new entry: a timeline says what changes, and stays short
-- however long a message waits.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::text AS reason, $2::text AS actor
), given AS MATERIALIZED (
    SELECT t.id, t.wait_ms, coalesce((
            SELECT e.event = 'held' AND e.reason = c.reason
            FROM notification_events e
            WHERE e.notification_id = t.id
            ORDER BY e.seq DESC
            LIMIT 1
        ), false) AS is_told
    FROM unnest($3::uuid[], $4::bigint[]) AS t (id, wait_ms), c
), held AS (
    UPDATE notifications n
    SET due_at = c.now + g.wait_ms * interval '1 millisecond',
        wait_reason = c.reason,
        dispatched_at = NULL,
        last_seq = n.last_seq + CASE WHEN g.is_told THEN 0 ELSE 1 END,
        updated_at = c.now
    FROM given g, c
    WHERE n.id = g.id
      AND n.id >= $5 AND n.id <= $6
      AND n.status = 'created' AND n.due_at IS NULL AND n.lease_until IS NULL
    RETURNING n.id, n.last_seq, g.is_told
), told AS (
    INSERT INTO notification_events (notification_id, seq, at, event, reason, actor)
    SELECT h.id, h.last_seq, c.now, 'held', c.reason, c.actor
    FROM held h, c
    WHERE NOT h.is_told
)
SELECT id FROM held
