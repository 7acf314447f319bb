-- Claims those of the ids that can start: created, on their way, not leased. The attempt is
-- counted and the lease written before any call, so that a call that vanishes is on record. A
-- repeat under the same token, after an answer was lost, finds what the first try claimed. The state
-- of the providers' settings (a handful of rows, read once) goes along, so that no message is
-- delivered by settings that were replaced before its claim. So does the reason for which the
-- recipient is on the service's list, compared as in core::suppression::comparable.
UPDATE notifications n
SET attempts = n.attempts + CASE WHEN n.lease_token = c.token THEN 0 ELSE 1 END,
    lease_token = c.token,
    lease_until = c.now + c.lease
FROM (
    SELECT carillon_now() AS now, $1::uuid AS token, $2::bigint * interval '1 millisecond' AS lease,
        (SELECT coalesce(hashtextextended(string_agg(p.name || extract(epoch FROM p.updated_at), ',' ORDER BY p.name), 0), 0)
         FROM providers p) AS providers_state
) c
WHERE n.id = ANY ($3)
  AND n.id >= $4 AND n.id <= $5
  AND n.status = 'created'
  AND n.due_at IS NULL
  AND (n.lease_until IS NULL OR n.lease_token = c.token)
  -- Rows of a job that was stopped are not sent, even before they are told (job/change_rows.sql).
  AND (n.job_id IS NULL OR NOT EXISTS (
      SELECT FROM jobs j WHERE j.id = n.job_id AND j.status IN ('paused', 'cancelled')))
RETURNING
    n.id, n.service_id, n.template_id, n.template_version, n.channel, n.lane, n.key_type,
    n.attempts, n.normalised_recipient, n.sender, n.unsubscribe_url, n.personalisation,
    n.trace_id, n.trace_span, c.providers_state,
    -- Where its last attempt failed for certain: another provider is asked first. Only what was
    -- attempted before is looked up.
    CASE WHEN n.provider IS NOT NULL THEN (
        SELECT CASE WHEN e.reason IN ('provider-failure', 'provider-rate') THEN e.detail ->> 'provider' END
        FROM notification_events e
        WHERE e.notification_id = n.id AND e.event = 'attempted'
        ORDER BY e.seq DESC
        LIMIT 1
    ) END AS failed_at,
    CASE WHEN n.key_type <> 'test' THEN (
        SELECT min(s.reason)
        FROM suppressions s
        WHERE s.service_id = n.service_id AND s.channel = n.channel
          AND s.recipient = lower(n.normalised_recipient COLLATE "C") COLLATE "default"
    ) END AS suppressed_for
