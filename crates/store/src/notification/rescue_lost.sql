-- Leases that ran out: the worker vanished before, during or after the call, so that a provider may
-- have the message. What follows is its template's to say: it waits, due at once, if the lane's
-- attempts are not used up; or it is held until a receipt, an administrator or the late result of this
-- very lease (lease_again.sql) settles it, so far ahead that nobody relays it; or it ends, and the
-- service hears of it. If a receipt has moved it meanwhile, only the lease is cleared.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::text AS gave_up,
        $2::bigint * interval '1 millisecond' AS until_decided, $3::bigint AS max_attempts
), lost AS (
    SELECT id, lease_token FROM notifications
    WHERE dispatched_at IS NOT NULL AND lease_until < (SELECT now FROM c)
    LIMIT $4
    FOR UPDATE SKIP LOCKED
), rescued AS (
    UPDATE notifications n
    SET (status, completed_at, due_at, wait_reason) = (
            SELECT
                CASE WHEN p.policy = 'give-up' THEN c.gave_up ELSE n.status END,
                CASE WHEN p.policy = 'give-up' THEN c.now ELSE n.completed_at END,
                CASE p.policy WHEN 'retry' THEN c.now WHEN 'hold' THEN c.now + c.until_decided END,
                CASE p.policy WHEN 'retry' THEN 'lease-expired' WHEN 'hold' THEN 'answer-lost' END
            FROM (
                SELECT CASE
                    WHEN n.status <> 'created' THEN NULL
                    WHEN s.said = 'retry' AND n.attempts >= c.max_attempts THEN 'give-up'
                    ELSE s.said END AS policy
                FROM (
                    SELECT coalesce((
                        SELECT t.when_answer_lost FROM templates t WHERE t.id = n.template_id), 'retry') AS said
                ) s
            ) p),
        dispatched_at = NULL,
        lease_until = NULL,
        lease_token = NULL,
        last_seq = n.last_seq + 1,
        updated_at = c.now
    FROM c
    -- An array and not a join, which might read whole days; the bounds prune the other days.
    WHERE n.id = ANY (ARRAY(SELECT id FROM lost))
      AND n.id >= (SELECT id FROM lost ORDER BY id LIMIT 1)
      AND n.id <= (SELECT id FROM lost ORDER BY id DESC LIMIT 1)
    RETURNING n.id, n.service_id, n.last_seq, n.attempts, n.queue, n.status,
        n.status = c.gave_up AND n.completed_at = c.now AS has_ended,
        n.wait_reason IS NOT DISTINCT FROM 'answer-lost' AS is_held
), told AS (
    INSERT INTO notification_events (notification_id, seq, at, event, reason, actor, detail)
    SELECT r.id, r.last_seq, c.now,
        CASE WHEN r.has_ended THEN 'failed' WHEN r.is_held THEN 'held' ELSE 'rescued' END,
        CASE WHEN r.has_ended OR r.is_held THEN 'answer-lost' ELSE 'lease-expired' END, 'poller',
        jsonb_build_object('attempt', r.attempts, 'provider_may_have_it', true)
            || CASE WHEN r.has_ended OR r.is_held
                THEN '{"lease_expired": true}'::jsonb ELSE '{}'::jsonb END
            || CASE WHEN r.is_held
                THEN jsonb_build_object('lease', l.lease_token) ELSE '{}'::jsonb END
    FROM rescued r
    JOIN lost l ON l.id = r.id,
    c
), called AS (
    INSERT INTO callback_events (id, callback_id, service_id, notification_id, kind, status,
        occurred_at, due_at, wait_reason)
    SELECT derived_id(r.id, '/' || r.last_seq || '/' || s.kind), s.id, r.service_id, r.id, s.kind,
        r.status, c.now, c.now, 'new'
    FROM rescued r
    JOIN service_callbacks s ON s.service_id = r.service_id AND s.kind = 'delivery-status' AND s.active,
    c
    WHERE r.has_ended
    ON CONFLICT (id) DO NOTHING
)
SELECT queue FROM rescued
