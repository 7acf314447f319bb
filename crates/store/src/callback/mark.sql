-- Writes what came of calls: the attempts, what becomes of the events, and how the endpoints are.
-- Only the holder of the lease decides about an event; that the call was made is on record in any
-- case. An endpoint that began anew meanwhile is not judged by what the one before it answered.
WITH results AS MATERIALIZED (
    SELECT *
    FROM unnest(
        $1::uuid[], $2::uuid[], $3::integer[], $4::uuid[], $5::integer[], $6::text[], $7::bigint[],
        $8::integer[], $9::text[], $10::integer[], $11::bool[], $12::bigint[]
    ) AS t (
        id, callback_id, version, token, attempt, outcome, retry_after_ms, http_status, error,
        duration_ms, has_failed, asked_ms)
), c AS MATERIALIZED (
    SELECT carillon_now() AS now, $13::uuid AS lowest, $14::uuid AS highest,
        $15::integer AS opens_after, $16::bigint[] AS pauses_ms, $17::integer AS fastest_ms
), decided AS MATERIALIZED (
    -- What was to be tried again ends when nobody wants it any more; what was to end with the
    -- callback goes on when that has begun anew.
    SELECT r.id, r.token, r.http_status, r.error,
        CASE
            WHEN k.id IS NULL THEN coalesce(r.outcome, 'disabled')
            WHEN k.version <> r.version AND r.outcome = 'disabled' THEN NULL
            ELSE r.outcome
        END AS outcome,
        coalesce(r.retry_after_ms, 0) AS retry_after_ms,
        CASE WHEN r.asked_ms IS NULL THEN 0 ELSE 1 END AS n_put_off
    FROM results r
    LEFT JOIN service_callbacks k ON k.id = r.callback_id AND k.active
), marked AS (
    UPDATE callback_events e
    SET outcome = r.outcome,
        completed_at = CASE WHEN r.outcome IS NOT NULL THEN c.now END,
        due_at = CASE WHEN r.outcome IS NULL THEN c.now + r.retry_after_ms * interval '1 millisecond' END,
        wait_reason = CASE WHEN r.outcome IS NULL THEN 'retry' END,
        attempts_before_replay = e.attempts_before_replay + r.n_put_off,
        last_http_status = r.http_status,
        last_error = r.error,
        dispatched_at = NULL,
        lease_until = NULL,
        lease_token = NULL
    FROM decided r, c
    WHERE e.id = r.id
      AND e.id >= (SELECT lowest FROM c) AND e.id <= (SELECT highest FROM c)
      AND e.lease_token = r.token
), recorded AS (
    INSERT INTO callback_attempts (event_id, attempt, at, http_status, error, duration_ms)
    SELECT r.id, r.attempt, c.now - r.duration_ms * interval '1 millisecond', r.http_status, r.error,
        r.duration_ms
    FROM results r, c
    ORDER BY r.id, r.attempt
    ON CONFLICT DO NOTHING
), heard AS MATERIALIZED (
    SELECT callback_id, version,
        count(*) FILTER (WHERE has_failed) AS n_failed,
        coalesce(bool_or(NOT has_failed), false) AS has_answered,
        coalesce(bool_or(outcome = 'disabled'), false) AS is_gone,
        max(asked_ms) AS asked_ms,
        CASE WHEN count(has_failed) > 0 THEN
            greatest(avg(duration_ms) FILTER (WHERE has_failed IS NOT NULL)::integer, c.fastest_ms)
        END AS call_ms
    FROM results, c
    GROUP BY callback_id, version, c.fastest_ms
), felt AS MATERIALIZED (
    -- Locked in one order for all; an endpoint that is as it was before is not touched.
    SELECT k.id, h.is_gone, h.call_ms, h.asked_ms, c.now,
        CASE
            WHEN h.has_answered THEN 0
            WHEN h.n_failed = 0 OR k.paused_until > c.now THEN k.n_failures
            ELSE least(k.n_failures + h.n_failed, greatest(k.n_failures + 1, c.opens_after))
        END AS n_failures,
        CASE
            -- The breaker's pause ends; one that was asked for goes on.
            WHEN h.has_answered THEN k.n_failures < c.opens_after
            ELSE h.n_failed = 0 OR coalesce(k.paused_until > c.now, false)
        END AS stays
    FROM service_callbacks k
    JOIN heard h ON h.callback_id = k.id AND h.version = k.version, c
    WHERE h.n_failed > 0 OR h.is_gone OR h.asked_ms IS NOT NULL OR (k.n_failures > 0 AND h.has_answered)
       OR h.call_ms > 2 * k.call_ms OR k.call_ms > 2 * h.call_ms
    ORDER BY k.id
    FOR UPDATE OF k
)
UPDATE service_callbacks k
SET n_failures = f.n_failures,
    paused_until = greatest(
        CASE
            WHEN f.stays THEN k.paused_until
            WHEN f.n_failures >= c.opens_after THEN f.now + interval '1 millisecond'
                * c.pauses_ms[least(f.n_failures - c.opens_after + 1, cardinality(c.pauses_ms))]
        END,
        f.now + f.asked_ms * interval '1 millisecond'),
    call_ms = CASE
        WHEN f.call_ms > 2 * k.call_ms THEN f.call_ms
        WHEN k.call_ms > 2 * f.call_ms THEN (k.call_ms + f.call_ms) / 2
        ELSE k.call_ms END,
    active = k.active AND NOT f.is_gone,
    disabled_reason = CASE WHEN k.active AND f.is_gone THEN 'gone' ELSE k.disabled_reason END,
    updated_at = CASE WHEN k.active AND f.is_gone THEN f.now ELSE k.updated_at END
FROM felt f, c
WHERE k.id = f.id
