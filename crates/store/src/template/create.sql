WITH made AS (
    INSERT INTO templates (id, service_id, channel, name, lane)
    VALUES ($1, $2, $3, $4, $5)
    RETURNING id
)
INSERT INTO template_versions (template_id, version, subject, body, created_by)
SELECT id, 1, $6, $7, $8 FROM made
