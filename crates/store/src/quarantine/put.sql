-- The ledger knows whose messages these are, where that could be read: they are not missing.
WITH named AS (
    INSERT INTO ledger_quarantined (notification_id, service_id, lane)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[])
    ON CONFLICT (notification_id) DO NOTHING
)
INSERT INTO quarantine (id, queue, task, reason, detail, payload)
VALUES ($4, $5, $6, $7, $8, $9)
