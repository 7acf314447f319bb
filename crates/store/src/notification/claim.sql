-- Claims those of the ids that can start: created, on their way, not leased. The attempt is
-- counted and the lease written before any call, so that a call that vanishes is on record.
UPDATE notifications n
SET attempts = n.attempts + 1,
    lease_token = $1,
    lease_until = c.now + $2 * interval '1 millisecond'
FROM (SELECT carillon_now() AS now) c
WHERE n.id = ANY ($3)
  AND n.id >= $4 AND n.id <= $5
  AND n.status = 'created'
  AND n.due_at IS NULL
  AND n.lease_until IS NULL
RETURNING
    n.id, n.service_id, n.template_id, n.template_version, n.channel, n.lane, n.key_type,
    n.attempts, n.normalised_recipient, n.sender, n.unsubscribe_url, n.personalisation
