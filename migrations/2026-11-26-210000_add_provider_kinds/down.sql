DELETE FROM providers WHERE kind <> 'sandbox';
ALTER TABLE providers
    DROP COLUMN sealed_credentials,
    DROP CONSTRAINT providers_kind_check,
    ADD CONSTRAINT providers_kind_check CHECK (kind IN ('sandbox'));
