-- Counts only grow, and each process writes its own alone. Where there is no row, either none was
-- written or the minute is rolled up; what was written of it is in its hour then.
WITH given AS MATERIALIZED (
    SELECT p.process, t.*
    FROM (SELECT $1::uuid AS process) p,
        unnest($2::timestamptz[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[])
            AS t (minute, service_id, lane, n, n_before)
), there AS (
    UPDATE ledger_accepted a
    SET n = greatest(a.n, g.n), is_new = a.is_new OR g.n > a.n
    FROM given g
    WHERE (a.minute, a.service_id, a.lane, a.process) = (g.minute, g.service_id, g.lane, g.process)
    RETURNING a.minute, a.service_id, a.lane
)
INSERT INTO ledger_accepted (minute, service_id, lane, process, n)
SELECT g.minute, g.service_id, g.lane, g.process, g.n - g.n_before
FROM given g
WHERE NOT EXISTS (
    SELECT FROM there t
    WHERE (t.minute, t.service_id, t.lane) = (g.minute, g.service_id, g.lane))
ON CONFLICT (minute, service_id, lane, process) DO NOTHING
