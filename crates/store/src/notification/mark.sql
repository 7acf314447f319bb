-- Writes what came of claimed deliveries. Only the holder of the lease may; a receipt that came
-- before the answer was written has moved the status already and is not undone.
WITH results AS (
    SELECT *
    FROM unnest(
        $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
        $8::bigint[], $9::bool[], $10::jsonb[]
    ) AS t (
        id, token, status, provider, provider_reference, event, reason,
        retry_after_ms, counted, detail)
), c AS MATERIALIZED (
    SELECT carillon_now() AS now, $11::uuid AS lowest, $12::uuid AS highest, $13::text AS actor
), marked AS (
    UPDATE notifications n
    SET status = CASE WHEN n.status = 'created' THEN r.status ELSE n.status END,
        provider = coalesce(r.provider, n.provider),
        provider_reference = coalesce(r.provider_reference, n.provider_reference),
        attempts = n.attempts - CASE WHEN r.counted THEN 0 ELSE 1 END,
        sent_at = CASE WHEN r.status IN ('sending', 'sent') THEN coalesce(n.sent_at, c.now) ELSE n.sent_at END,
        completed_at = CASE
            WHEN n.status = 'created' AND r.status IN ('sent', 'technical-failure') THEN c.now
            ELSE n.completed_at END,
        due_at = CASE
            WHEN n.status = 'created' AND r.status = 'created'
            THEN c.now + r.retry_after_ms * interval '1 millisecond' END,
        wait_reason = CASE WHEN n.status = 'created' AND r.status = 'created' THEN r.reason END,
        dispatched_at = NULL,
        lease_until = NULL,
        lease_token = NULL,
        last_seq = n.last_seq + 1,
        updated_at = c.now
    FROM results r, c
    WHERE n.id = r.id AND n.id >= c.lowest AND n.id <= c.highest AND n.lease_token = r.token
    RETURNING n.id, n.last_seq, r.event, r.reason, r.detail
), told AS (
    INSERT INTO notification_events (notification_id, seq, at, event, reason, actor, detail)
    SELECT m.id, m.last_seq, c.now, m.event, m.reason, c.actor, m.detail FROM marked m, c
)
SELECT id FROM marked
