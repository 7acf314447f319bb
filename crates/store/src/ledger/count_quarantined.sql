-- What was saved after all counts among the rows.
SELECT q.service_id, q.lane, 'quarantined' AS entry, '' AS detail, count(*) AS n
FROM ledger_quarantined q
WHERE q.notification_id >= $1 AND q.notification_id < $2
  AND NOT EXISTS (SELECT FROM notifications n WHERE n.id = q.notification_id)
GROUP BY q.service_id, q.lane
