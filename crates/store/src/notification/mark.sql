-- Writes what came of claimed deliveries. Only the holder of the lease may; a receipt that came
-- before the answer was written has moved the status already and is not undone. A service that
-- registered for it hears of what is completed; a reference that receipts will name instead of our
-- id is kept, whoever holds the lease. E-mails sent are tallied by service (limits/roll_up.sql).
-- A message that is held without a call for the same reason as last has no new entry (hold.sql).
WITH results AS MATERIALIZED (
    SELECT t.*, CASE WHEN t.event = 'held' AND t.detail = '{}' THEN coalesce((
            SELECT e.event = 'held' AND e.reason = t.reason
            FROM notification_events e
            WHERE e.notification_id = t.id
            ORDER BY e.seq DESC
            LIMIT 1
        ), false) ELSE false END AS is_told
    FROM unnest(
        $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
        $8::bigint[], $9::bool[], $10::jsonb[], $11::text[]
    ) AS t (
        id, token, status, provider, provider_reference, event, reason,
        retry_after_ms, counted, detail, referenced_by)
), c AS MATERIALIZED (
    SELECT carillon_now() AS now, $12::text[] AS completed, $13::uuid AS lowest,
        $14::uuid AS highest, $15::text AS actor
), marked AS (
    UPDATE notifications n
    SET status = CASE WHEN n.status = 'created' THEN r.status ELSE n.status END,
        provider = coalesce(r.provider, n.provider),
        provider_reference = coalesce(r.provider_reference, n.provider_reference),
        attempts = n.attempts - CASE WHEN r.counted THEN 0 ELSE 1 END,
        sent_at = CASE WHEN r.status IN ('sending', 'sent') THEN coalesce(n.sent_at, c.now) ELSE n.sent_at END,
        completed_at = CASE
            WHEN n.status = 'created' AND r.status = ANY (c.completed) THEN c.now
            ELSE n.completed_at END,
        due_at = CASE
            WHEN n.status = 'created' AND r.status = 'created'
            THEN c.now + r.retry_after_ms * interval '1 millisecond' END,
        wait_reason = CASE WHEN n.status = 'created' AND r.status = 'created' THEN r.reason END,
        dispatched_at = NULL,
        lease_until = NULL,
        lease_token = NULL,
        last_seq = n.last_seq + CASE WHEN r.is_told THEN 0 ELSE 1 END,
        updated_at = c.now
    FROM results r, c
    WHERE n.id = r.id AND n.id >= c.lowest AND n.id <= c.highest AND n.lease_token = r.token
    RETURNING n.id, n.service_id, n.last_seq, n.status, r.event, r.reason, r.detail, r.is_told,
        -- Completed by this result, and not by a receipt before it.
        n.status = r.status AND r.status = ANY (c.completed) AND n.completed_at = c.now AS completes,
        -- As core::suppression::is_asked has it: what goes to nobody says nothing of a service's list.
        r.status IN ('sending', 'sent') AND n.channel = 'email' AND n.key_type <> 'test'
            AND lower(n.normalised_recipient COLLATE "C") COLLATE "default" NOT LIKE '%@simulator.notify'
            AS is_tallied
), told AS (
    INSERT INTO notification_events (notification_id, seq, at, event, reason, actor, detail)
    SELECT m.id, m.last_seq, c.now, m.event, m.reason, c.actor, m.detail FROM marked m, c
    WHERE NOT m.is_told
), tallied AS (
    INSERT INTO email_tallies (service_id, at, sent, hard_bounced)
    SELECT m.service_id, c.now, count(*), 0
    FROM marked m, c
    WHERE m.is_tallied
    GROUP BY m.service_id, c.now
), referenced AS (
    INSERT INTO provider_references (provider, reference, notification_id)
    SELECT r.referenced_by, r.provider_reference, r.id
    FROM results r
    WHERE r.referenced_by IS NOT NULL AND r.provider_reference IS NOT NULL
    ON CONFLICT DO NOTHING
), called AS (
    INSERT INTO callback_events (id, callback_id, service_id, notification_id, kind, status,
        occurred_at, due_at, wait_reason)
    SELECT derived_id(m.id, '/' || m.last_seq || '/' || s.kind), s.id, m.service_id, m.id, s.kind,
        m.status, c.now, c.now, 'new'
    FROM marked m
    JOIN service_callbacks s ON s.service_id = m.service_id AND s.kind = 'delivery-status' AND s.active,
    c
    WHERE m.completes
    ON CONFLICT (id) DO NOTHING
    RETURNING id
)
SELECT m.id, (SELECT count(*) FROM called) AS n_callback_events FROM marked m
