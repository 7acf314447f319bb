SELECT n.id, n.job_row AS number, n.recipient, n.normalised_recipient, n.reference, n.personalisation
FROM notifications n
WHERE n.job_id = $1 AND n.id > $2 AND n.id < $3 AND n.status = ANY ($4)
ORDER BY n.id
LIMIT $5
