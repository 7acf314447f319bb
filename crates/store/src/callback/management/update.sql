-- Changes what is given. Another URL or a new start is the next version: it begins without the
-- failures and the pace of the one before it, and nothing that one is yet to answer counts.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::uuid AS id, $2::uuid AS service_id, $3::text AS url,
        $4::bytea AS sealed_token, $5::bool AS active, $6::integer AS unknown_ms
), changed AS MATERIALIZED (
    SELECT c.*, c.url IS NOT NULL OR coalesce(c.active, false) AS begins_anew FROM c
)
UPDATE service_callbacks k
SET url = coalesce(c.url, k.url),
    sealed_token = coalesce(c.sealed_token, k.sealed_token),
    active = coalesce(c.active, k.active),
    disabled_reason = CASE
        WHEN c.active THEN NULL
        WHEN NOT c.active THEN 'switched-off'
        ELSE k.disabled_reason END,
    version = k.version + CASE WHEN c.begins_anew THEN 1 ELSE 0 END,
    n_failures = CASE WHEN c.begins_anew THEN 0 ELSE k.n_failures END,
    paused_until = CASE WHEN c.begins_anew THEN NULL ELSE k.paused_until END,
    call_ms = CASE WHEN c.begins_anew THEN c.unknown_ms ELSE k.call_ms END,
    updated_at = c.now
FROM changed c
WHERE k.id = c.id AND k.service_id = c.service_id
RETURNING k.id, k.service_id, k.kind, k.url, k.active, k.disabled_reason, k.n_failures, k.paused_until,
    k.created_at, k.updated_at
