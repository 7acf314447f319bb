-- Rows that a paused job holds would wait for ever without it: they are cancelled before it goes. It
-- does not count as changed, so that it goes as soon as they are.
UPDATE jobs j
SET status = c.cancelled,
    status_reason = c.reason,
    row_change = c.row_change,
    row_change_at = c.now,
    row_change_after = NULL,
    relayed_at = NULL
FROM (
    SELECT carillon_now() AS now, $1::text AS paused, $2::text AS cancelled, $3::text AS reason,
        $4::text AS row_change
) c, services s
WHERE j.status = c.paused
  AND s.id = j.service_id
  AND j.created_at < c.now - interval '3 days'
  AND job_kept_until(j, CASE j.channel WHEN 'sms' THEN s.sms_retention_days ELSE s.email_retention_days END)
      <= c.now
