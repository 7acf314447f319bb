-- Minutes that are not settled, and the hours of those that are.
WITH c AS MATERIALIZED (
    SELECT $1::timestamptz AS since, $2::uuid AS service_id, $3::text AS lane
), entries AS (
    SELECT e.service_id, e.lane, e.entry, e.detail, e.n
    FROM ledger_entries e, c
    WHERE e.minute >= c.since
    UNION ALL
    SELECT h.service_id, h.lane, h.entry, h.detail, h.n
    FROM ledger_hours h, c
    WHERE h.hour >= c.since
)
SELECT e.service_id, e.lane, e.entry, e.detail, sum(e.n)::bigint AS n
FROM entries e, c
WHERE (c.service_id IS NULL OR e.service_id = c.service_id) AND (c.lane IS NULL OR e.lane = c.lane)
GROUP BY e.service_id, e.lane, e.entry, e.detail
