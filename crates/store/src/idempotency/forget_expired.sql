-- The oldest first. What somebody takes anew at this moment is passed over.
DELETE FROM idempotency_keys
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM idempotency_keys
    WHERE expires_at <= (SELECT carillon_now())
    ORDER BY expires_at
    LIMIT $1
    FOR UPDATE SKIP LOCKED
))
