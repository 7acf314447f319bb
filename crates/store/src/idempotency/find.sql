-- What keys stand for, each by the primary key, however many others there are. Whether one counts
-- still is for the reader: to whoever was refused a key because it is there, it is there.
SELECT k.service_id, k.key, k.fingerprint, k.sealed_answer, k.expires_at > c.now AS counts
FROM (SELECT carillon_now() AS now) c,
    unnest($1::uuid[], $2::text[]) AS asked (service_id, key),
    LATERAL (
        SELECT *
        FROM idempotency_keys
        WHERE service_id = asked.service_id AND key = asked.key
        LIMIT 1
    ) k
