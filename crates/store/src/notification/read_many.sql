SELECT n.id, n.service_id, n.template_id, n.template_version, n.channel, n.key_type, n.status, n.recipient,
    n.reference, n.sender, n.unsubscribe_url, n.scheduled_for, n.created_at, n.sent_at, n.completed_at,
    n.personalisation, n.trace_id
FROM notifications n
WHERE n.id = ANY ($1) AND n.id >= $2 AND n.id <= $3
