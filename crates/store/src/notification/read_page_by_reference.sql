SELECT n.id, n.service_id, n.template_id, n.template_version, n.channel, n.key_type, n.status, n.recipient,
    n.reference, n.sender, n.unsubscribe_url, n.scheduled_for, n.created_at, n.sent_at, n.completed_at,
    n.personalisation, n.trace_id
FROM notifications n
WHERE n.service_id = $1
  AND n.key_type = $2
  AND n.id < $3
  AND n.status = ANY (coalesce($4::text[], ARRAY[n.status]))
  AND n.channel = ANY (coalesce($5::text[], ARRAY[n.channel]))
  AND ($6::bool OR n.job_id IS NULL)
  AND md5(n.reference) = md5($7) AND n.reference = $8
ORDER BY n.id DESC
LIMIT $9
