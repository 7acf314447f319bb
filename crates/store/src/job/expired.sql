-- Oldest first; no service keeps anything for less than three days. One whose rows are still to be
-- changed is kept, for it is what says that they are not to be sent.
SELECT j.id, j.storage
FROM (SELECT carillon_now() AS now, $1::text[] AS ends) c
JOIN jobs j ON j.created_at < c.now - interval '3 days'
JOIN services s ON s.id = j.service_id
WHERE j.status = ANY (c.ends)
  AND j.row_change IS NULL
  AND job_kept_until(j, CASE j.channel WHEN 'sms' THEN s.sms_retention_days ELSE s.email_retention_days END)
      <= c.now
ORDER BY j.created_at
LIMIT $2
