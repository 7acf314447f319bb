-- A job is its row, its chunks and what they hold: all or nothing. The references among them are
-- checked at the end of the statement.
WITH job AS (
    INSERT INTO jobs (id, service_id, template_id, api_key_id, sender_id, retry_of, created_at,
        relayed_at, scheduled_for, template_version, n_rows, n_invalid_rows, status, channel, lane,
        key_type, queue, name, sender, storage, trace_id, trace_span)
    SELECT $1, $2, $3, $4, $5, $6, c.now, c.now, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
        $18, $19, $20
    FROM (SELECT carillon_now() AS now) c
    RETURNING id, created_at
), chunks AS (
    INSERT INTO job_chunks (job_id, chunk, first_row, last_row, n_rows)
    SELECT job.id, k.chunk, k.first_row, k.last_row, k.n_rows
    FROM job, unnest($21::integer[], $22::integer[], $23::integer[], $24::integer[])
        AS k (chunk, first_row, last_row, n_rows)
), payloads AS (
    INSERT INTO job_payloads (job_id, chunk, payload)
    SELECT job.id, p.chunk, p.payload
    FROM job, unnest($25::integer[], $26::bytea[]) AS p (chunk, payload)
)
SELECT created_at FROM job
