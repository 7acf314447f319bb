INSERT INTO quarantine (id, queue, task, reason, detail, payload)
VALUES ($1, $2, $3, $4, $5, $6)
