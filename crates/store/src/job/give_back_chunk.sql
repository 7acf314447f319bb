-- A lease that nobody holds any more: until it ends, nobody takes the chunk. Whoever gives a chunk back
-- did not vanish, so its attempt does not count.
UPDATE job_chunks k
SET lease_token = NULL,
    lease_until = c.now + c.wait_ms * interval '1 millisecond',
    attempts = greatest(k.attempts - 1, 0)
FROM (
    SELECT carillon_now() AS now, $1::uuid AS job_id, $2::integer AS chunk, $3::uuid AS token,
        $4::bigint AS wait_ms
) c
WHERE k.job_id = c.job_id AND k.chunk = c.chunk AND k.lease_token = c.token AND k.saved_at IS NULL
