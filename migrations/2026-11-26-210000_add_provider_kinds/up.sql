-- A handful of rows: the check is proved at once.
ALTER TABLE providers
    DROP CONSTRAINT providers_kind_check,
    ADD CONSTRAINT providers_kind_check CHECK (kind IN ('sandbox', 'ses', 'sns', 'smtp')),
    ADD COLUMN sealed_credentials bytea;
COMMENT ON COLUMN providers.sealed_credentials IS
    'Encrypted with the configured key, for this name; null where the provider has none of its own.';
