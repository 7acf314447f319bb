CREATE TABLE providers (
    name text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('sandbox')),
    channel text NOT NULL CHECK (channel IN ('email', 'sms')),
    active boolean NOT NULL DEFAULT true,
    weight integer NOT NULL DEFAULT 100 CHECK (weight BETWEEN 0 AND 100),
    settings jsonb NOT NULL DEFAULT '{}',
    updated_at timestamptz NOT NULL DEFAULT carillon_now()
);
COMMENT ON TABLE providers IS 'Which providers deliver a channel, and their settings.';
