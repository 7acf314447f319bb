-- Applies receipts of one kind, at most one per notification. The status moves only from the
-- statuses that the event moves; a receipt that was seen before (same provider event) is skipped.
WITH given AS (
    SELECT *
    FROM unnest(
        $1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::jsonb[]
    ) AS t (id, event_id, provider, provider_reference, at, detail)
), c AS MATERIALIZED (
    SELECT carillon_now() AS now, $7::text[] AS sources, $8::text AS target, $9::bool AS completes,
           $10::text AS reason, $11::uuid AS lowest, $12::uuid AS highest
), fresh AS (
    SELECT given.* FROM given
    WHERE NOT EXISTS (
        SELECT 1 FROM notification_events e
        WHERE e.notification_id = given.id AND e.detail ->> 'event_id' = given.event_id
        -- Keeps this a look by primary key for each receipt; as a join it may read whole days.
        OFFSET 0)
), applied AS (
    UPDATE notifications n
    SET status = CASE WHEN n.status = ANY (c.sources) THEN c.target ELSE n.status END,
        completed_at = CASE
            WHEN n.status = ANY (c.sources) AND c.completes THEN f.at ELSE n.completed_at END,
        provider = coalesce(n.provider, f.provider),
        provider_reference = coalesce(n.provider_reference, f.provider_reference),
        due_at = CASE WHEN n.status = ANY (c.sources) THEN NULL ELSE n.due_at END,
        wait_reason = CASE WHEN n.status = ANY (c.sources) THEN NULL ELSE n.wait_reason END,
        dispatched_at = CASE
            WHEN n.lease_until IS NULL AND n.status = ANY (c.sources) THEN NULL
            ELSE n.dispatched_at END,
        last_seq = n.last_seq + 1,
        updated_at = c.now
    FROM fresh f, c
    WHERE n.id = f.id AND n.id >= c.lowest AND n.id <= c.highest
    RETURNING n.id, n.last_seq, n.trace_id, n.trace_span
), told AS (
    INSERT INTO notification_events (notification_id, seq, at, event, reason, actor, detail)
    SELECT a.id, a.last_seq, c.now, 'receipt', c.reason, f.provider,
           f.detail || jsonb_build_object('event_id', f.event_id)
    FROM applied a JOIN fresh f USING (id), c
)
SELECT id, trace_id, trace_span FROM applied
UNION ALL
SELECT id, NULL, NULL FROM given WHERE NOT EXISTS (SELECT 1 FROM fresh WHERE fresh.id = given.id)
