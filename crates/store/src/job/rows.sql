SELECT n.id, n.job_row AS number, n.status, n.wait_reason, n.recipient, n.reference, n.sent_at, n.completed_at
FROM notifications n
WHERE n.job_id = $1 AND n.id > $2 AND n.id < $3
  AND n.status = ANY (coalesce($4::text[], ARRAY[n.status]))
ORDER BY n.id
LIMIT $5
