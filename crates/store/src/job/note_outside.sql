INSERT INTO job_payloads_outside (job_id, storage, removable_at)
VALUES ($1, $2, carillon_now() + $3::bigint * interval '1 millisecond')
ON CONFLICT (job_id) DO UPDATE SET storage = excluded.storage, removable_at = excluded.removable_at
