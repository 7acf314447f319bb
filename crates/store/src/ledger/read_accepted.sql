SELECT a.service_id, a.lane, 'accepted' AS entry, '' AS detail, sum(a.n)::bigint AS n
FROM ledger_accepted a
WHERE a.minute = $1
GROUP BY a.service_id, a.lane
