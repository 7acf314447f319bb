-- Saves a batch: rows that are there already are left alone, and only new rows get their first
-- timeline entry. A row waits when it is scheduled or when the caller names a reason; otherwise it
-- is on its way.
WITH given AS (
    SELECT *
    FROM unnest(
        $1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::int[], $6::text[], $7::text[],
        $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[],
        $15::timestamptz[], $16::timestamptz[], $17::jsonb[], $18::uuid[], $19::bigint[]
    ) AS t (
        id, service_id, template_id, api_key_id, template_version, channel, lane,
        key_type, queue, recipient, normalised_recipient, reference, sender, unsubscribe_url,
        scheduled_for, created_at, personalisation, trace_id, trace_span)
), args AS MATERIALIZED (
    SELECT $20::text AS wait_reason, carillon_now() AS now
), decided AS (
    SELECT given.*, args.now,
        -- Even one whose time has passed meanwhile: the caller publishes only unscheduled ones.
        CASE WHEN scheduled_for IS NOT NULL THEN 'scheduled' ELSE args.wait_reason END AS waits_for
    FROM given, args
), saved AS (
    INSERT INTO notifications (
        id, service_id, template_id, api_key_id, template_version, channel, lane, key_type, queue,
        recipient, normalised_recipient, reference, sender, unsubscribe_url, scheduled_for,
        created_at, personalisation, trace_id, trace_span, wait_reason, due_at, dispatched_at)
    SELECT
        id, service_id, template_id, api_key_id, template_version, channel, lane, key_type, queue,
        recipient, normalised_recipient, reference, sender, unsubscribe_url, scheduled_for,
        created_at, personalisation, trace_id, trace_span, waits_for,
        CASE WHEN waits_for IS NOT NULL THEN coalesce(scheduled_for, now) END,
        CASE WHEN waits_for IS NULL THEN now END
    FROM decided
    ON CONFLICT (id) DO NOTHING
    RETURNING id, created_at, wait_reason
)
INSERT INTO notification_events (notification_id, seq, at, event, reason, actor)
SELECT id, 1, created_at, 'accepted', wait_reason, 'api' FROM saved
ON CONFLICT (notification_id, seq) DO NOTHING
