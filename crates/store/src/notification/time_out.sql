-- Reads one page of messages by id and ends those that have been open since before the cutoff:
-- never handed to a provider, or never heard of again. One that waits for a time to come, or is in
-- a worker's hands, or is held until its job goes on, is left for a later round.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::text[] AS unsent, $2::text[] AS unheard,
        $3::text AS unsent_becomes, $4::text AS unheard_becomes, $5::text AS unsent_reason,
        $6::text AS unheard_reason, $7::timestamptz AS cutoff, $8::text AS actor
), page AS MATERIALIZED (
    SELECT id, status, greatest(created_at, scheduled_for) AS open_since
    FROM notifications
    WHERE id > $9 AND id < $10
    ORDER BY id
    LIMIT $11
), stuck AS MATERIALIZED (
    SELECT n.id, n.status, n.wait_reason
    FROM notifications n, c
    -- An array and not a join, which might read whole days; the bounds prune the other days.
    WHERE n.id = ANY (ARRAY(
        SELECT page.id FROM page, c
        WHERE page.open_since < c.cutoff AND page.status = ANY (c.unsent || c.unheard)))
      AND n.id >= (SELECT id FROM page ORDER BY id LIMIT 1)
      AND n.id <= (SELECT id FROM page ORDER BY id DESC LIMIT 1)
      AND n.status = ANY (c.unsent || c.unheard)
      AND n.lease_until IS NULL
      AND NOT (n.wait_reason IS NOT DISTINCT FROM 'job-paused' AND n.due_at > c.now)
    ORDER BY n.id
    FOR UPDATE OF n SKIP LOCKED
), ended AS (
    UPDATE notifications n
    SET status = CASE WHEN n.status = ANY (c.unsent) THEN c.unsent_becomes ELSE c.unheard_becomes END,
        completed_at = c.now,
        due_at = NULL,
        wait_reason = NULL,
        dispatched_at = NULL,
        last_seq = n.last_seq + 1,
        updated_at = c.now
    FROM c
    WHERE n.id = ANY (ARRAY(SELECT id FROM stuck))
      AND n.id >= (SELECT id FROM stuck ORDER BY id LIMIT 1)
      AND n.id <= (SELECT id FROM stuck ORDER BY id DESC LIMIT 1)
    RETURNING n.id, n.service_id, n.last_seq, n.status
), told AS (
    INSERT INTO notification_events (notification_id, seq, at, event, reason, actor)
    SELECT e.id, e.last_seq, c.now, 'failed',
        CASE
            -- A provider may have it, which was never settled.
            WHEN e.id = ANY (ARRAY(SELECT id FROM stuck WHERE wait_reason = 'answer-lost')) THEN 'answer-lost'
            WHEN e.status = c.unsent_becomes THEN c.unsent_reason
            ELSE c.unheard_reason
        END, c.actor
    FROM ended e, c
), called AS (
    INSERT INTO callback_events (id, callback_id, service_id, notification_id, kind, status,
        occurred_at, due_at, wait_reason)
    SELECT derived_id(e.id, '/' || e.last_seq || '/' || s.kind), s.id, e.service_id, e.id, s.kind,
        e.status, c.now, c.now, 'new'
    FROM ended e
    JOIN service_callbacks s ON s.service_id = e.service_id AND s.kind = 'delivery-status' AND s.active,
    c
    ON CONFLICT (id) DO NOTHING
    RETURNING id
)
SELECT id AS last, (SELECT count(*) FROM ended) AS n_ended, (SELECT count(*) FROM called) AS n_callback_events
FROM page
ORDER BY id DESC
LIMIT 1
