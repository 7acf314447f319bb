-- Applies receipts of one kind, at most one per notification. The status moves only from the
-- statuses that the event moves; a receipt that was seen before (same provider event) is skipped.
-- A receipt that overtook the mark says when the message was sent too, so that whoever is told of it
-- is told the same at every attempt. No message ends before it was sent, whatever clocks say.
-- Its consequences are in the same statement: the recipient goes on the service's list, the service
-- hears of it if it registered, and a receipt that was parked is so no more.
-- Receipts come while results are written (mark.sql), of the same rows and in another order. They never
-- wait for a row, so there is no circle: one that somebody else is changing is left alone, and the
-- caller looks again.
WITH given AS (
    SELECT *
    FROM unnest(
        $1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::jsonb[], $7::text[],
        $8::text[], $9::text[]
    ) AS t (
        id, event_id, provider, provider_reference, at, detail, feedback,
        suppresses_email, suppresses_number)
), c AS MATERIALIZED (
    SELECT carillon_now() AS now, $10::text[] AS sources, $11::text AS target, $12::bool AS completes,
           $13::bool AS complains, $14::text AS reason, $15::text[] AS simulated,
           $16::uuid AS lowest, $17::uuid AS highest
), known AS MATERIALIZED (
    SELECT given.*, n.status, n.last_seq, sent.sent_at, greatest(given.at, sent.sent_at) AS ended_at,
        n.status IS NOT NULL AND EXISTS (
            SELECT 1 FROM notification_events e
            WHERE e.notification_id = given.id AND e.detail ->> 'event_id' = given.event_id
            -- Keeps this a look by primary key for each receipt; as a join it may read whole days.
            OFFSET 0) AS was_seen
    FROM given
    CROSS JOIN c
    -- By primary key for each receipt, for the same reason.
    LEFT JOIN LATERAL (
        SELECT n.status, n.last_seq, n.sent_at, n.created_at
        FROM notifications n
        WHERE n.id = given.id AND n.id >= c.lowest AND n.id <= c.highest
        OFFSET 0
        FOR NO KEY UPDATE SKIP LOCKED
    ) n ON true
    CROSS JOIN LATERAL (
        SELECT coalesce(n.sent_at, greatest(n.created_at, least(given.at, c.now))) AS sent_at
    ) sent
), applied AS (
    UPDATE notifications n
    SET status = CASE WHEN n.status = ANY (c.sources) THEN c.target ELSE n.status END,
        sent_at = CASE WHEN n.status = ANY (c.sources) THEN f.sent_at ELSE n.sent_at END,
        completed_at = CASE
            WHEN n.status = ANY (c.sources) AND c.completes THEN f.ended_at ELSE n.completed_at END,
        provider = coalesce(n.provider, f.provider),
        provider_reference = coalesce(n.provider_reference, f.provider_reference),
        due_at = CASE WHEN n.status = ANY (c.sources) THEN NULL ELSE n.due_at END,
        wait_reason = CASE WHEN n.status = ANY (c.sources) THEN NULL ELSE n.wait_reason END,
        dispatched_at = CASE
            WHEN n.lease_until IS NULL AND n.status = ANY (c.sources) THEN NULL
            ELSE n.dispatched_at END,
        last_seq = n.last_seq + 1,
        updated_at = c.now
    FROM known f, c
    -- Every entry moves last_seq: what another statement wrote since the timeline was looked at may
    -- be this very receipt, so the row is left alone too.
    WHERE NOT f.was_seen
      -- Implied by what follows; without it the planner may read the day between the bounds.
      AND n.id = ANY (ARRAY(SELECT id FROM known))
      AND n.id = f.id AND n.last_seq = f.last_seq AND n.id >= c.lowest AND n.id <= c.highest
    -- With what the receipt said, so that nothing is joined again: of CTEs the planner expects a row or
    -- two, and joins hundreds of rows with hundreds one by one.
    RETURNING n.id, n.service_id, n.channel, n.key_type, n.normalised_recipient, n.last_seq, n.status,
        n.trace_id, n.trace_span, f.status = ANY (c.sources) AS moved, f.event_id, f.provider AS reported_by,
        f.detail, f.feedback, f.suppresses_email, f.suppresses_number, f.ended_at
), told AS (
    INSERT INTO notification_events (notification_id, seq, at, event, reason, actor, detail)
    SELECT a.id, a.last_seq, c.now, 'receipt', c.reason, a.reported_by,
           a.detail || jsonb_build_object('event_id', a.event_id)
    FROM applied a, c
), listed AS (
    INSERT INTO suppressions (service_id, channel, recipient, reason, source_notification_id)
    SELECT s.service_id, s.channel, s.recipient, s.reason, s.id
    FROM (
        SELECT a.id, a.service_id, a.channel, a.key_type,
            lower(a.normalised_recipient COLLATE "C") COLLATE "default" AS recipient,
            CASE a.channel WHEN 'email' THEN a.suppresses_email ELSE a.suppresses_number END AS reason
        FROM applied a
    ) s, c
    WHERE s.reason IS NOT NULL AND s.key_type <> 'test' AND NOT s.recipient LIKE ANY (c.simulated)
      AND EXISTS (SELECT 1 FROM services v WHERE v.id = s.service_id)
    -- In one order for all, so that none waits for another in a circle.
    ORDER BY s.service_id, s.channel, s.recipient, s.reason
    ON CONFLICT DO NOTHING
), tallied AS (
    INSERT INTO email_tallies (service_id, at, sent, hard_bounced)
    SELECT a.service_id, c.now, 0, count(*)
    FROM applied a, c
    WHERE a.suppresses_email = 'hard-bounce' AND a.channel = 'email' AND a.key_type <> 'test'
      AND NOT lower(a.normalised_recipient COLLATE "C") COLLATE "default" LIKE ANY (c.simulated)
    GROUP BY a.service_id, c.now
), called AS (
    INSERT INTO callback_events (id, callback_id, service_id, notification_id, kind, status,
        feedback, occurred_at, due_at, wait_reason)
    SELECT derived_id(a.id, '/' || a.last_seq || '/' || s.kind), s.id, a.service_id, a.id, s.kind,
        a.status, a.feedback, a.ended_at, c.now, 'new'
    FROM applied a
    JOIN service_callbacks s ON s.service_id = a.service_id AND s.active,
    c
    WHERE (s.kind = 'delivery-status' AND a.moved AND c.completes)
       OR (s.kind = 'complaint' AND c.complains)
    ON CONFLICT (id) DO NOTHING
    RETURNING id
), outcome AS MATERIALIZED (
    SELECT a.id, a.reported_by AS provider, a.event_id, a.trace_id, a.trace_span, true AS is_settled
    FROM applied a
    UNION ALL
    SELECT k.id, k.provider, k.event_id, NULL, NULL, k.was_seen
    FROM known k, c
    WHERE k.was_seen
       OR k.id NOT IN (SELECT id FROM applied) AND (k.status IS NOT NULL OR EXISTS (
            SELECT FROM notifications n
            WHERE n.id = k.id AND n.id >= c.lowest AND n.id <= c.highest
            OFFSET 0))
), unparked AS (
    DELETE FROM parked_receipts p
    USING outcome o
    WHERE o.is_settled AND p.provider = o.provider AND p.event_id = o.event_id
)
SELECT o.id, o.is_settled, o.trace_id, o.trace_span,
    (SELECT count(*) FROM called) AS n_callback_events
FROM outcome o
