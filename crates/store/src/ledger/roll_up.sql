WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, carillon_now() - $1::bigint * interval '1 millisecond' AS settled_before
), chosen AS MATERIALIZED (
    SELECT m.minute
    FROM ledger_minutes m, c
    WHERE m.settled_at < c.settled_before AND m.rolled_at IS NULL AND m.look_again_at IS NULL
      AND NOT EXISTS (SELECT FROM ledger_accepted a WHERE a.minute = m.minute AND a.is_new)
    ORDER BY m.settled_at
    LIMIT $2
    FOR UPDATE OF m SKIP LOCKED
), rolled AS (
    UPDATE ledger_minutes m
    SET rolled_at = c.now
    FROM c, chosen
    WHERE m.minute = chosen.minute
), counted AS (
    DELETE FROM ledger_accepted a USING chosen WHERE a.minute = chosen.minute AND NOT a.is_new
), entries AS (
    DELETE FROM ledger_entries e USING chosen WHERE e.minute = chosen.minute
    RETURNING e.minute, e.service_id, e.lane, e.entry, e.detail, e.n
), added AS (
    INSERT INTO ledger_hours AS h (hour, service_id, lane, entry, detail, n)
    SELECT date_trunc('hour', e.minute, 'UTC'), e.service_id, e.lane, e.entry, e.detail, sum(e.n)
    FROM entries e
    GROUP BY 1, 2, 3, 4, 5
    ON CONFLICT (hour, service_id, lane, entry, detail) DO UPDATE SET n = h.n + excluded.n
)
SELECT count(*) AS n FROM chosen
