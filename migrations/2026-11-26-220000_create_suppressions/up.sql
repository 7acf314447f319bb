CREATE TABLE suppressions (
    service_id uuid NOT NULL REFERENCES services,
    channel text NOT NULL CHECK (channel IN ('email', 'sms')),
    recipient text NOT NULL CHECK (recipient <> ''),
    reason text NOT NULL CHECK (reason IN ('hard-bounce', 'complaint', 'unsubscribed', 'manual')),
    source_notification_id uuid,
    created_at timestamptz NOT NULL DEFAULT carillon_now(),
    -- Read at every claim, by its first three columns.
    PRIMARY KEY (service_id, channel, recipient, reason)
);
COMMENT ON TABLE suppressions IS
    'Whom a service does not send to, and why; recipients in the form in which they are compared.';
