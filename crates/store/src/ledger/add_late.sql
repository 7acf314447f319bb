WITH late AS (
    DELETE FROM ledger_accepted a
    USING ledger_minutes m
    WHERE a.is_new AND m.minute = a.minute AND m.rolled_at IS NOT NULL
    RETURNING a.minute, a.service_id, a.lane, a.n
), by_hour AS (
    SELECT date_trunc('hour', l.minute, 'UTC') AS hour, l.service_id, l.lane, sum(l.n) AS n
    FROM late l
    GROUP BY 1, 2, 3
), explained AS (
    SELECT b.*, least(b.n, coalesce(h.n, 0)) AS n_explained
    FROM by_hour b
    LEFT JOIN ledger_hours h
        ON (h.hour, h.service_id, h.lane, h.entry, h.detail) = (b.hour, b.service_id, b.lane, 'uncounted', '')
)
INSERT INTO ledger_hours AS h (hour, service_id, lane, entry, n)
SELECT e.hour, e.service_id, e.lane, v.entry, v.n
FROM explained e, LATERAL (VALUES
    ('accepted', e.n), ('uncounted', -e.n_explained), ('missing', e.n - e.n_explained)) AS v (entry, n)
WHERE v.n <> 0
ON CONFLICT (hour, service_id, lane, entry, detail) DO UPDATE SET n = h.n + excluded.n
