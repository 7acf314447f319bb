-- Saves the rows of a chunk for whoever holds its lease, while the job may go on. That it is saved
-- and that its rows are there is one fact. The token stays, so that the same holder may repeat it. A
-- job that was stopped takes its chunk back, or nobody could have it before the lease ends. Rows that are
-- saved long after the job's first start, which their ids have, count as to be sent now: their time to
-- be given up runs from here.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::uuid AS job_id, $2::integer AS chunk, $3::uuid AS token,
        $4::uuid AS service_id, $5::uuid AS template_id, $6::uuid AS api_key_id,
        $7::integer AS template_version, $8::text AS channel, $9::text AS lane, $10::text AS key_type,
        $11::text AS queue, $12::text AS sender, $13::timestamptz AS created_at, $14::uuid AS trace_id,
        $15::bigint AS trace_span
), mine AS (
    UPDATE job_chunks k
    SET saved_at = coalesce(k.saved_at, c.now)
    FROM c
    WHERE k.job_id = c.job_id AND k.chunk = c.chunk AND k.lease_token = c.token
      AND (k.saved_at IS NOT NULL
           OR EXISTS (SELECT FROM jobs j WHERE j.id = c.job_id AND j.status = 'in progress'))
    RETURNING k.chunk
), taken_back AS (
    UPDATE job_chunks k
    SET lease_token = NULL,
        lease_until = NULL
    FROM c
    WHERE k.job_id = c.job_id AND k.chunk = c.chunk AND k.lease_token = c.token AND k.saved_at IS NULL
      AND NOT EXISTS (SELECT FROM jobs j WHERE j.id = c.job_id AND j.status = 'in progress')
), saved AS (
    INSERT INTO notifications (
        id, service_id, template_id, api_key_id, job_id, job_row, template_version, channel, lane,
        key_type, origin, queue, recipient, normalised_recipient, reference, sender, created_at,
        personalisation, trace_id, trace_span, scheduled_for, dispatched_at)
    SELECT r.id, c.service_id, c.template_id, c.api_key_id, c.job_id, r.number, c.template_version,
        c.channel, c.lane, c.key_type, 'job', c.queue, r.recipient, r.normalised_recipient, r.reference,
        c.sender, c.created_at, r.personalisation, c.trace_id, c.trace_span,
        CASE WHEN c.now > c.created_at + interval '1 hour' THEN c.now END, c.now
    FROM mine, c, unnest($16::uuid[], $17::integer[], $18::text[], $19::text[], $20::text[], $21::jsonb[])
        AS r (id, number, recipient, normalised_recipient, reference, personalisation)
    ON CONFLICT (id) DO NOTHING
    RETURNING id
), told AS (
    INSERT INTO notification_events (notification_id, seq, at, event, actor)
    SELECT saved.id, 1, c.now, 'accepted', 'worker' FROM saved, c
    ON CONFLICT (notification_id, seq) DO NOTHING
)
SELECT EXISTS (SELECT FROM mine) AS is_ours,
    (SELECT count(*) FROM saved) AS n_new,
    (SELECT count(*) FROM job_chunks k, c
     WHERE k.job_id = c.job_id AND k.saved_at IS NULL AND k.chunk <> c.chunk) AS n_open
