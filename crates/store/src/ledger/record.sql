WITH c AS MATERIALIZED (
    SELECT r.minute, r.now, r.now + r.wait AS look_again_at
    FROM (
        SELECT $1::timestamptz AS minute, $2::bigint * interval '1 millisecond' AS wait, carillon_now() AS now
    ) r
), found AS MATERIALIZED (
    SELECT *
    FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::bigint[])
        AS f (service_id, lane, entry, detail, n)
), gone AS (
    DELETE FROM ledger_entries e
    USING c
    WHERE e.minute = c.minute AND NOT EXISTS (
        SELECT FROM found f
        WHERE (f.service_id, f.lane, f.entry, f.detail) = (e.service_id, e.lane, e.entry, e.detail))
), written AS (
    INSERT INTO ledger_entries AS e (minute, service_id, lane, entry, detail, n)
    SELECT c.minute, f.service_id, f.lane, f.entry, f.detail, f.n
    FROM c, found f
    ON CONFLICT (minute, service_id, lane, entry, detail) DO UPDATE
    SET n = excluded.n
    WHERE e.n <> excluded.n
)
UPDATE ledger_minutes m
SET looked_at = c.now,
    look_again_at = c.look_again_at,
    settled_at = CASE WHEN c.look_again_at IS NULL THEN c.now END
FROM c
WHERE m.minute = c.minute
