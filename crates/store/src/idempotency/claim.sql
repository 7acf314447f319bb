-- Takes the keys that nobody has, or that have expired; returns those. In the order they are given,
-- so that two who want the same keys do not wait for each other crosswise.
INSERT INTO idempotency_keys AS k (
    service_id, key, fingerprint, sealed_answer, created_at, expires_at)
SELECT asked.service_id, asked.key, asked.fingerprint, asked.sealed_answer, c.now,
    c.now + interval '24 hours'
FROM (SELECT carillon_now() AS now) c,
    unnest($1::uuid[], $2::text[], $3::bytea[], $4::bytea[])
        AS asked (service_id, key, fingerprint, sealed_answer)
ON CONFLICT (service_id, key) DO UPDATE
SET fingerprint = excluded.fingerprint,
    sealed_answer = excluded.sealed_answer,
    created_at = excluded.created_at,
    expires_at = excluded.expires_at
WHERE k.expires_at <= excluded.created_at
RETURNING k.service_id, k.key
