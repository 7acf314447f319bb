WITH edited AS (
    UPDATE templates SET version = version + 1, updated_at = carillon_now()
    WHERE id = $1 AND service_id = $2
    RETURNING id, version
)
INSERT INTO template_versions (template_id, version, subject, body, created_by)
SELECT id, version, $3, $4, $5 FROM edited
RETURNING version
