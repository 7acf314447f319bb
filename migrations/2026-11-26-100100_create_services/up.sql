CREATE TABLE services (
    id uuid PRIMARY KEY,
    name text NOT NULL CHECK (name <> ''),
    active boolean NOT NULL DEFAULT true,
    restricted boolean NOT NULL DEFAULT false,
    high_volume boolean NOT NULL DEFAULT false,
    region text NOT NULL DEFAULT 'GB' CHECK (region ~ '^[A-Z]{2}$'),
    email_from text NOT NULL CHECK (email_from <> ''),
    channels text[] NOT NULL DEFAULT '{email,sms}',
    created_at timestamptz NOT NULL DEFAULT carillon_now()
);
COMMENT ON TABLE services IS 'Tenants.';
-- A person looks a service up by its name, and two of one name would be taken for each other.
CREATE UNIQUE INDEX services_name ON services (lower(name));

CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    service_id uuid NOT NULL REFERENCES services,
    name text NOT NULL CHECK (name <> ''),
    key_type text NOT NULL CHECK (key_type IN ('normal', 'team', 'test')),
    sealed_secret bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT carillon_now(),
    revoked_at timestamptz
);
COMMENT ON TABLE api_keys IS 'Keys of services; the secret is encrypted with the configured key.';
-- All keys of a service are read together; names are unique among the live ones.
CREATE INDEX api_keys_service ON api_keys (service_id);
CREATE UNIQUE INDEX api_keys_live_name ON api_keys (service_id, lower(name)) WHERE revoked_at IS NULL;

CREATE TABLE service_senders (
    id uuid PRIMARY KEY,
    service_id uuid NOT NULL REFERENCES services,
    channel text NOT NULL CHECK (channel IN ('email', 'sms')),
    value text NOT NULL CHECK (value <> ''),
    is_default boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT carillon_now()
);
COMMENT ON TABLE service_senders IS 'E-mail reply-to addresses and SMS senders.';
CREATE UNIQUE INDEX service_senders_value ON service_senders (service_id, channel, value);
-- At most one default for each channel.
CREATE UNIQUE INDEX service_senders_default ON service_senders (service_id, channel) WHERE is_default;

CREATE TABLE service_safelist (
    service_id uuid NOT NULL REFERENCES services,
    channel text NOT NULL CHECK (channel IN ('email', 'sms')),
    normalised_recipient text NOT NULL,
    PRIMARY KEY (service_id, channel, normalised_recipient)
);
COMMENT ON TABLE service_safelist IS 'Whom team keys and services on trial may reach.';
