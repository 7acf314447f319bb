-- Puts rows that are on their way, and in nobody's hands, back to waiting.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::text AS reason, $2::bigint AS wait_ms, $3::text AS actor
), held AS (
    UPDATE notifications n
    SET due_at = c.now + c.wait_ms * interval '1 millisecond',
        wait_reason = c.reason,
        dispatched_at = NULL,
        last_seq = n.last_seq + 1,
        updated_at = c.now
    FROM c
    WHERE n.id = ANY ($4)
      AND n.id >= $5 AND n.id <= $6
      AND n.status = 'created' AND n.due_at IS NULL AND n.lease_until IS NULL
    RETURNING n.id, n.last_seq
)
INSERT INTO notification_events (notification_id, seq, at, event, reason, actor)
SELECT h.id, h.last_seq, c.now, 'held', c.reason, c.actor FROM held h, c
