WITH made AS (
    INSERT INTO templates (id, service_id, channel, name, lane, when_answer_lost)
    VALUES ($1, $2, $3, $4, $5, $6)
    RETURNING id
)
INSERT INTO template_versions (template_id, version, subject, body, created_by)
SELECT id, 1, $7, $8, $9 FROM made
