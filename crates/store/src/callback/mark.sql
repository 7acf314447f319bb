-- Writes what came of calls: the attempts, what becomes of the events, and how the endpoints are.
-- Only the holder of the lease decides about an event; that the call was made is on record in any
-- case.
WITH results AS MATERIALIZED (
    SELECT *
    FROM unnest(
        $1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::text[], $6::bigint[], $7::integer[],
        $8::text[], $9::integer[], $10::bool[]
    ) AS t (
        id, callback_id, token, attempt, outcome, retry_after_ms, http_status, error, duration_ms,
        has_failed)
), c AS MATERIALIZED (
    SELECT carillon_now() AS now, $11::uuid AS lowest, $12::uuid AS highest,
        $13::integer AS opens_after, $14::bigint[] AS pauses_ms
), marked AS (
    UPDATE callback_events e
    SET outcome = r.outcome,
        completed_at = CASE WHEN r.outcome IS NOT NULL THEN c.now END,
        due_at = CASE WHEN r.outcome IS NULL THEN c.now + r.retry_after_ms * interval '1 millisecond' END,
        wait_reason = CASE WHEN r.outcome IS NULL THEN 'retry' END,
        last_http_status = r.http_status,
        last_error = r.error,
        dispatched_at = NULL,
        lease_until = NULL,
        lease_token = NULL
    FROM results r, c
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
    SELECT callback_id,
        count(*) FILTER (WHERE has_failed) AS n_failed,
        bool_or(NOT has_failed) AS has_answered,
        bool_or(outcome = 'disabled') AS is_gone
    FROM results
    GROUP BY callback_id
), felt AS MATERIALIZED (
    -- Locked in one order for all; an endpoint that is well as before is not touched.
    SELECT k.id, h.is_gone, c.now,
        CASE
            WHEN h.has_answered THEN 0
            WHEN h.n_failed = 0 OR k.paused_until > c.now THEN k.n_failures
            ELSE least(k.n_failures + h.n_failed, greatest(k.n_failures + 1, c.opens_after))
        END AS n_failures,
        NOT coalesce(h.has_answered, false)
            AND (h.n_failed = 0 OR coalesce(k.paused_until > c.now, false)) AS stays
    FROM service_callbacks k
    JOIN heard h ON h.callback_id = k.id, c
    WHERE h.n_failed > 0 OR h.is_gone OR k.n_failures > 0
    ORDER BY k.id
    FOR UPDATE OF k
), told AS (
    UPDATE service_callbacks k
    SET n_failures = f.n_failures,
        paused_until = CASE
            WHEN f.stays THEN k.paused_until
            WHEN f.n_failures >= c.opens_after THEN f.now + interval '1 millisecond'
                * c.pauses_ms[least(f.n_failures - c.opens_after + 1, cardinality(c.pauses_ms))]
        END,
        active = k.active AND f.is_gone IS NOT TRUE,
        disabled_reason = CASE WHEN k.active AND f.is_gone THEN 'gone' ELSE k.disabled_reason END,
        updated_at = CASE WHEN k.active AND f.is_gone THEN f.now ELSE k.updated_at END
    FROM felt f, c
    WHERE k.id = f.id
    RETURNING k.id, k.active, k.paused_until
)
SELECT t.id, t.active,
    greatest(extract(epoch FROM t.paused_until - c.now) * 1000, 0)::bigint AS paused_ms
FROM told t, c
