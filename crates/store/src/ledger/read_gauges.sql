WITH c AS MATERIALIZED (
    SELECT $1::timestamptz AS since
), entries AS (
    SELECT e.lane, e.entry, e.n FROM ledger_entries e, c WHERE e.minute >= c.since
    UNION ALL
    SELECT h.lane, h.entry, h.n FROM ledger_hours h, c WHERE h.hour >= c.since
)
SELECT e.lane, e.entry, sum(e.n)::bigint AS n
FROM entries e
GROUP BY e.lane, e.entry
