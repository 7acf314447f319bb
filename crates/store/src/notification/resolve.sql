-- Carries out what an administrator decided about a message that waits because its answer was lost:
-- it is due at once, or it ends and the service hears of it. Nothing else is touched: a receipt may
-- have settled it meanwhile. Rows of a stopped job are not made due, for no claim would take them
-- (claim.sql).
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::text AS action, $2::text AS unsent, $3::text AS gave_up,
        $4::text AS actor, $5::text AS why
), held AS MATERIALIZED (
    SELECT n.id, CASE WHEN c.action = 'retry' THEN (
        SELECT j.status FROM jobs j WHERE j.id = n.job_id AND j.status IN ('paused', 'cancelled')
    ) END AS stopped_job
    FROM notifications n, c
    WHERE n.id = $6
      AND n.status = c.unsent AND n.wait_reason = 'answer-lost' AND n.due_at > c.now
), resolved AS (
    UPDATE notifications n
    SET status = CASE WHEN c.action = 'give-up' THEN c.gave_up ELSE n.status END,
        completed_at = CASE WHEN c.action = 'give-up' THEN c.now ELSE n.completed_at END,
        due_at = CASE WHEN c.action = 'retry' THEN c.now END,
        wait_reason = CASE WHEN c.action = 'retry' THEN n.wait_reason END,
        last_seq = n.last_seq + 1,
        updated_at = c.now
    FROM c
    WHERE n.id = (SELECT id FROM held WHERE stopped_job IS NULL)
      AND n.status = c.unsent AND n.wait_reason = 'answer-lost' AND n.due_at > c.now
    RETURNING n.id, n.service_id, n.last_seq, n.status
), told AS (
    INSERT INTO notification_events (notification_id, seq, at, event, reason, actor, detail)
    SELECT r.id, r.last_seq, c.now, CASE WHEN c.action = 'retry' THEN 'resolved' ELSE 'failed' END,
        'answer-lost', c.actor, jsonb_strip_nulls(jsonb_build_object('action', c.action, 'why', c.why))
    FROM resolved r, c
), called AS (
    INSERT INTO callback_events (id, callback_id, service_id, notification_id, kind, status,
        occurred_at, due_at, wait_reason)
    SELECT derived_id(r.id, '/' || r.last_seq || '/' || s.kind), s.id, r.service_id, r.id, s.kind,
        r.status, c.now, c.now, 'new'
    FROM resolved r
    JOIN service_callbacks s ON s.service_id = r.service_id AND s.kind = 'delivery-status' AND s.active,
    c
    WHERE c.action = 'give-up'
    ON CONFLICT (id) DO NOTHING
)
SELECT h.stopped_job, (SELECT status FROM resolved) AS status FROM held h
