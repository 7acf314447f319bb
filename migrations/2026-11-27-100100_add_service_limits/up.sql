-- Nullable and without defaults: nothing is rewritten, and the lock is held for an instant.
ALTER TABLE services
    ADD COLUMN rate_limit integer CHECK (rate_limit > 0),
    ADD COLUMN email_daily_limit integer CHECK (email_daily_limit >= 0),
    ADD COLUMN sms_daily_limit integer CHECK (sms_daily_limit >= 0),
    ADD COLUMN email_braked_at timestamptz;
COMMENT ON COLUMN services.rate_limit IS
    'Requests in a minute for each type of key; null is what [limits] says.';
COMMENT ON COLUMN services.email_daily_limit IS 'E-mails in a day of UTC; null is what [limits] says.';
COMMENT ON COLUMN services.sms_daily_limit IS
    'Text messages in a day of UTC; null is what [limits] says.';
COMMENT ON COLUMN services.email_braked_at IS
    'Since when too much of its e-mail bounces for any to be sent; null while it may send.';

-- Worth nothing after a minute, so it is not logged: after a crash of PostgreSQL every budget is full.
CREATE UNLOGGED TABLE service_rate_budgets (
    service_id uuid NOT NULL,
    key_type text NOT NULL CHECK (key_type IN ('normal', 'team', 'test')),
    tokens double precision NOT NULL,
    granted integer NOT NULL,
    refilled_at timestamptz NOT NULL,
    PRIMARY KEY (service_id, key_type)
) WITH (fillfactor = 50);
COMMENT ON TABLE service_rate_budgets IS
    'Requests that a service may still make, as of refilled_at; processes of the API lease blocks of them.';
COMMENT ON COLUMN service_rate_budgets.granted IS 'What the last lease was granted.';

CREATE TABLE service_daily_counts (
    service_id uuid NOT NULL,
    day date NOT NULL,
    channel text NOT NULL CHECK (channel IN ('email', 'sms')),
    n bigint NOT NULL CHECK (n >= 0),
    granted bigint NOT NULL,
    day_limit bigint NOT NULL,
    PRIMARY KEY (service_id, day, channel)
) WITH (fillfactor = 50);
COMMENT ON TABLE service_daily_counts IS
    'Messages of a day of UTC that are accepted, or that a process of the API has leased.';
COMMENT ON COLUMN service_daily_counts.granted IS 'What the last lease was granted.';
COMMENT ON COLUMN service_daily_counts.day_limit IS 'The limit by which that was decided.';

-- Without an index: it is written by every statement that marks results, and emptied every minute.
CREATE TABLE email_tallies (
    service_id uuid NOT NULL,
    at timestamptz NOT NULL,
    sent integer NOT NULL,
    hard_bounced integer NOT NULL
);
COMMENT ON TABLE email_tallies IS
    'E-mails sent and bounced since the last minute, one row for each statement and service.';

CREATE TABLE service_bounce_hours (
    service_id uuid NOT NULL,
    hour timestamptz NOT NULL,
    sent bigint NOT NULL,
    hard_bounced bigint NOT NULL,
    warned boolean NOT NULL DEFAULT false,
    PRIMARY KEY (service_id, hour)
);
COMMENT ON TABLE service_bounce_hours IS
    'E-mails of a service that were sent, and that bounced for good, by the hour in which that happened.';

CREATE TABLE service_brakes (
    service_id uuid NOT NULL REFERENCES services,
    braked_at timestamptz NOT NULL,
    sent bigint NOT NULL,
    hard_bounced bigint NOT NULL,
    released_at timestamptz,
    released_by text,
    release_reason text,
    rows_released_at timestamptz,
    PRIMARY KEY (service_id, braked_at),
    CHECK ((released_at IS NULL) = (released_by IS NULL)),
    CHECK ((released_at IS NULL) = (release_reason IS NULL))
);
COMMENT ON TABLE service_brakes IS
    'When a service''s e-mail was stopped for its bounces, what had bounced, and who let it go on and why.';
COMMENT ON COLUMN service_brakes.rows_released_at IS 'When everything that was held had been sent on.';
