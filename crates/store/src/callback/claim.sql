-- Claims those of the events that can be told now: on their way, not leased, not completed. The
-- attempt is counted and the lease written before the call, so that a call that vanishes is on
-- record. A repeat under the same token finds what the first try claimed. Of an endpoint that is
-- left alone nothing is claimed: it goes back to waiting, due, for the relay sees the end of the
-- pause. What nobody wants to hear any more, or cannot be told, is completed without a call.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::uuid AS token, $2::bigint * interval '1 millisecond' AS lease,
        $3::uuid[] AS ids, $4::uuid AS lowest, $5::uuid AS highest
), wanted AS MATERIALIZED (
    SELECT k.id, k.version, k.url, k.sealed_token, k.sealed_secrets,
        coalesce(k.paused_until > c.now, false) AS is_paused
    FROM service_callbacks k
    JOIN services s ON s.id = k.service_id
    CROSS JOIN c
    WHERE k.id = ANY ($6) AND k.active AND s.active
), asked AS MATERIALIZED (
    SELECT e.id, e.callback_id, e.notification_id
    FROM callback_events e, c
    WHERE e.id = ANY (c.ids)
      AND e.id >= (SELECT lowest FROM c) AND e.id <= (SELECT highest FROM c)
      AND e.completed_at IS NULL
      AND e.due_at IS NULL
      AND (e.lease_until IS NULL OR e.lease_token = c.token)
), message AS MATERIALIZED (
    SELECT n.id, n.reference, n.recipient, n.channel, n.template_id, n.template_version, n.created_at,
        n.sent_at, n.trace_id, n.trace_span
    FROM notifications n
    -- An array and not a join, which might read whole days; the bounds prune the other days.
    WHERE n.id = ANY (ARRAY(SELECT notification_id FROM asked))
      AND n.id >= (SELECT notification_id FROM asked ORDER BY notification_id LIMIT 1)
      AND n.id <= (SELECT notification_id FROM asked ORDER BY notification_id DESC LIMIT 1)
), fate AS MATERIALIZED (
    SELECT a.id, w.id IS NULL OR m.id IS NULL AS ends,
        w.id IS NOT NULL AND m.id IS NOT NULL AND w.is_paused AS waits,
        w.id IS NOT NULL AND m.id IS NOT NULL AND NOT w.is_paused AS starts,
        CASE WHEN w.id IS NOT NULL AND m.id IS NULL THEN 'the message is no longer kept' END AS why
    FROM asked a
    LEFT JOIN wanted w ON w.id = a.callback_id
    LEFT JOIN message m ON m.id = a.notification_id
), touched AS (
    UPDATE callback_events e
    SET attempts = e.attempts + CASE
            WHEN f.starts AND e.lease_token IS DISTINCT FROM c.token THEN 1 ELSE 0 END,
        begun_at = CASE WHEN f.starts THEN coalesce(e.begun_at, c.now) ELSE e.begun_at END,
        lease_token = CASE WHEN f.starts THEN c.token END,
        lease_until = CASE WHEN f.starts THEN c.now + c.lease END,
        dispatched_at = CASE WHEN f.starts THEN e.dispatched_at END,
        due_at = CASE WHEN f.waits THEN c.now END,
        wait_reason = CASE WHEN f.waits THEN 'endpoint-paused' END,
        outcome = CASE WHEN f.ends THEN 'disabled' END,
        completed_at = CASE WHEN f.ends THEN c.now END,
        last_error = coalesce(f.why, e.last_error)
    FROM fate f, c
    WHERE e.id = f.id
      AND e.id = ANY (ARRAY(SELECT id FROM fate))
      AND e.id >= (SELECT lowest FROM c) AND e.id <= (SELECT highest FROM c)
      -- As before, for another may have been faster.
      AND e.completed_at IS NULL
      AND e.due_at IS NULL
      AND (e.lease_until IS NULL OR e.lease_token = c.token)
    RETURNING e.id, e.callback_id, e.service_id, e.notification_id, e.kind, e.status, e.feedback,
        e.occurred_at, e.attempts, e.attempts_before_replay, e.begun_at, c.now AS claimed_at, f.starts
)
SELECT e.id, e.callback_id, e.service_id, e.notification_id, e.kind, e.status, e.feedback,
    e.occurred_at, e.attempts, e.attempts_before_replay, e.begun_at, e.claimed_at,
    w.version, w.url, w.sealed_token, w.sealed_secrets,
    m.reference, m.recipient, m.channel, m.template_id, m.template_version, m.created_at, m.sent_at,
    m.trace_id, m.trace_span
FROM touched e
JOIN wanted w ON w.id = e.callback_id
JOIN message m ON m.id = e.notification_id
WHERE e.starts
