-- Changes a page of a job's rows that were saved and not sent yet, while that change is asked for.
-- One in a worker's hands is left: it is sent, or comes back and is met again. Each page begins where
-- the last one ended, which is on the job; after the last one the next begins at the first row. A page
-- that begins there and ends with the last row has seen all, and only such a one counts what is in hand.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::uuid AS job_id, $2::text AS change, $3::bigint AS n_max,
        $4::text AS unsent, $5::text AS cancelled, $6::text AS paused_reason, $7::text AS cancelled_reason
), span AS MATERIALIZED (
    SELECT uuidv7_lower_bound(j.started_at) AS lowest,
        uuidv7_lower_bound(j.started_at + interval '1 millisecond') AS beyond,
        j.row_change_after AS after, j.row_change_at AS asked_at
    FROM jobs j, c
    WHERE j.id = c.job_id AND j.row_change = c.change
), unsent AS MATERIALIZED (
    SELECT n.id
    FROM notifications n, c
    WHERE n.id >= (SELECT greatest(lowest, after) FROM span) AND n.id < (SELECT beyond FROM span)
      AND n.job_id = c.job_id
      AND n.status = c.unsent
      AND n.lease_until IS NULL
      -- A provider may have what is held for a lost answer: it is not withdrawn, nor sent by a release.
      AND (n.wait_reason IS DISTINCT FROM 'answer-lost' OR n.due_at <= c.now + interval '1 year')
      AND CASE c.change
          WHEN 'cancel' THEN true
          -- What was released and is not on its way yet is held again.
          WHEN 'hold' THEN n.wait_reason IS DISTINCT FROM c.paused_reason OR n.due_at <= c.now
          -- What was on its way all the time may have been refused to those who took it out of its
          -- queue. If it was not, it is in a queue twice, which is harmless.
          ELSE n.wait_reason = c.paused_reason AND n.due_at > c.now
              OR n.dispatched_at < (SELECT asked_at FROM span)
          END
    ORDER BY n.id
    LIMIT (SELECT n_max FROM c)
), leased AS MATERIALIZED (
    SELECT n.id
    FROM notifications n, c
    WHERE (SELECT count(*) FROM unsent) < c.n_max AND (SELECT after FROM span) IS NULL
      AND n.id >= (SELECT lowest FROM span) AND n.id < (SELECT beyond FROM span)
      AND n.job_id = c.job_id
      AND n.status = c.unsent
      AND n.lease_until IS NOT NULL
), in_hand AS (
    SELECT 1 FROM leased
    UNION ALL
    SELECT 1
    FROM job_chunks k, c
    WHERE k.job_id = c.job_id AND k.saved_at IS NULL AND k.lease_token IS NOT NULL AND k.lease_until > c.now
), free AS MATERIALIZED (
    SELECT n.id
    FROM notifications n, c
    -- An array and not a join, which might read whole days; the bounds prune the other days.
    WHERE n.id = ANY (ARRAY(SELECT id FROM unsent))
      AND n.id >= (SELECT id FROM unsent ORDER BY id LIMIT 1)
      AND n.id <= (SELECT id FROM unsent ORDER BY id DESC LIMIT 1)
      AND n.status = c.unsent
      AND n.lease_until IS NULL
    ORDER BY n.id
    FOR UPDATE OF n SKIP LOCKED
), changed AS (
    UPDATE notifications n
    SET status = CASE WHEN c.change = 'cancel' THEN c.cancelled ELSE n.status END,
        completed_at = CASE WHEN c.change = 'cancel' THEN c.now END,
        -- Until it is released: further ahead than anything is kept.
        due_at = CASE c.change WHEN 'hold' THEN c.now + interval '100 years' WHEN 'release' THEN c.now END,
        wait_reason = CASE WHEN c.change <> 'cancel' THEN c.paused_reason END,
        -- It is to be sent now: its time to be given up begins anew.
        scheduled_for = CASE WHEN c.change = 'release' THEN c.now ELSE n.scheduled_for END,
        dispatched_at = NULL,
        last_seq = n.last_seq + CASE WHEN c.change = 'release' THEN 0 ELSE 1 END,
        updated_at = c.now
    FROM c
    WHERE n.id = ANY (ARRAY(SELECT id FROM free))
      AND n.id >= (SELECT id FROM free ORDER BY id LIMIT 1)
      AND n.id <= (SELECT id FROM free ORDER BY id DESC LIMIT 1)
    RETURNING n.id, n.service_id, n.last_seq, n.status
), come AS (
    UPDATE jobs j
    SET row_change_after = p.last
    FROM c, (
        SELECT (SELECT id FROM unsent ORDER BY id OFFSET (SELECT n_max - 1 FROM c) LIMIT 1) AS last
    ) p
    WHERE j.id = c.job_id AND j.row_change = c.change AND j.row_change_after IS DISTINCT FROM p.last
), told AS (
    INSERT INTO notification_events (notification_id, seq, at, event, reason, actor)
    SELECT h.id, h.last_seq, c.now,
        CASE c.change WHEN 'cancel' THEN 'cancelled' ELSE 'held' END,
        CASE c.change WHEN 'cancel' THEN c.cancelled_reason ELSE c.paused_reason END, 'worker'
    FROM changed h, c
    WHERE c.change <> 'release'
), called AS (
    INSERT INTO callback_events (id, callback_id, service_id, notification_id, kind, status,
        occurred_at, due_at, wait_reason)
    SELECT derived_id(h.id, '/' || h.last_seq || '/' || s.kind), s.id, h.service_id, h.id, s.kind,
        h.status, c.now, c.now, 'new'
    FROM changed h
    JOIN service_callbacks s ON s.service_id = h.service_id AND s.kind = 'delivery-status' AND s.active,
    c
    WHERE c.change = 'cancel'
    ON CONFLICT (id) DO NOTHING
    RETURNING id
)
SELECT (SELECT count(*) FROM changed) AS n_changed,
    -- What is in a worker's hands was never held: there is nothing to release.
    (SELECT count(*) FROM unsent) - (SELECT count(*) FROM changed)
        + (SELECT count(*) FROM in_hand, c WHERE c.change <> 'release') AS n_in_hand,
    EXISTS (SELECT FROM changed)
        OR EXISTS (SELECT FROM span WHERE after IS NOT NULL) AND NOT EXISTS (SELECT FROM unsent) AS goes_on,
    (SELECT count(*) FROM called) AS n_callback_events
