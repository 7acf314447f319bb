-- No reference to services: it would be checked for every message, and a row lives for a day.
CREATE TABLE idempotency_keys (
    service_id uuid NOT NULL,
    key text COLLATE "C" NOT NULL,
    -- SHA-256 of the request.
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    -- The body of the 201, which holds what was sent to whom.
    sealed_answer bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (service_id, key)
);
COMMENT ON TABLE idempotency_keys IS
    'What a request with an Idempotency-Key was answered, written in the transaction that accepts it; kept for a day.';
-- What is sealed does not compress.
ALTER TABLE idempotency_keys ALTER COLUMN sealed_answer SET STORAGE EXTERNAL;
-- Read by the clean-up alone. New entries go to its right end; none changes unless a key is used again
-- after its day and before the clean-up.
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);
