-- Sets aside, in one statement, parked receipts that have been tried for long enough.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::bigint * interval '1 millisecond' AS patience,
        $2::text AS task, $3::text AS reason, $4::text AS detail
), expired AS MATERIALIZED (
    SELECT provider, event_id
    FROM parked_receipts, c
    WHERE next_try <= c.now AND first_seen <= c.now - c.patience
    LIMIT $5
    FOR UPDATE OF parked_receipts SKIP LOCKED
), removed AS (
    DELETE FROM parked_receipts p
    USING expired
    WHERE p.provider = expired.provider AND p.event_id = expired.event_id
    RETURNING p.provider, p.event_id, p.queue, p.receipt
)
INSERT INTO quarantine (id, queue, task, reason, detail, payload)
SELECT derived_id(uuidv7_lower_bound(c.now), r.provider || '/' || r.event_id), r.queue, c.task, c.reason,
    c.detail, convert_to(r.receipt::text, 'UTF8')
FROM removed r, c
RETURNING queue
