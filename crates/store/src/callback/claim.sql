-- Claims those of the events that can be told now: on their way, not leased, not completed. The
-- attempt is counted and the lease written before the call, so that a call that vanishes is on
-- record. A repeat under the same token finds what the first try claimed. What nobody wants to hear
-- any more is completed without a call.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::uuid AS token, $2::bigint * interval '1 millisecond' AS lease,
        $3::uuid[] AS ids, $4::uuid AS lowest, $5::uuid AS highest
), wanted AS MATERIALIZED (
    SELECT k.id, k.url, k.sealed_token, k.sealed_secrets
    FROM service_callbacks k
    JOIN services s ON s.id = k.service_id
    WHERE k.id = ANY ($6) AND k.active AND s.active
), w AS MATERIALIZED (
    SELECT ARRAY(SELECT id FROM wanted) AS callbacks
), touched AS (
    UPDATE callback_events e
    SET attempts = e.attempts + CASE
            WHEN e.callback_id = ANY (w.callbacks) AND e.lease_token IS DISTINCT FROM c.token THEN 1
            ELSE 0 END,
        lease_token = CASE WHEN e.callback_id = ANY (w.callbacks) THEN c.token END,
        lease_until = CASE WHEN e.callback_id = ANY (w.callbacks) THEN c.now + c.lease END,
        dispatched_at = CASE WHEN e.callback_id = ANY (w.callbacks) THEN e.dispatched_at END,
        outcome = CASE WHEN e.callback_id = ANY (w.callbacks) THEN NULL ELSE 'disabled' END,
        completed_at = CASE WHEN e.callback_id = ANY (w.callbacks) THEN NULL ELSE c.now END
    FROM c, w
    WHERE e.id = ANY (c.ids)
      AND e.id >= (SELECT lowest FROM c) AND e.id <= (SELECT highest FROM c)
      AND e.completed_at IS NULL
      AND e.due_at IS NULL
      AND (e.lease_until IS NULL OR e.lease_token = c.token)
    RETURNING e.id, e.callback_id, e.service_id, e.notification_id, e.kind, e.status, e.feedback,
        e.occurred_at, e.attempts, e.attempts_before_replay, e.completed_at, c.now AS claimed_at
), claimed AS MATERIALIZED (
    SELECT * FROM touched WHERE completed_at IS NULL
)
SELECT e.id, e.callback_id, e.service_id, e.notification_id, e.kind, e.status, e.feedback,
    e.occurred_at, e.attempts, e.attempts_before_replay, e.claimed_at, w.url, w.sealed_token, w.sealed_secrets,
    n.reference, n.recipient, n.channel, n.template_id, n.template_version, n.created_at, n.sent_at,
    n.trace_id, n.trace_span
FROM claimed e
JOIN wanted w ON w.id = e.callback_id
JOIN notifications n ON n.id = e.notification_id
    -- An array and not a join alone, which might read whole days; the bounds prune the other days.
    AND n.id = ANY (ARRAY(SELECT notification_id FROM claimed))
    AND n.id >= (SELECT notification_id FROM claimed ORDER BY notification_id LIMIT 1)
    AND n.id <= (SELECT notification_id FROM claimed ORDER BY notification_id DESC LIMIT 1)
