CREATE TABLE service_callbacks (
    id uuid PRIMARY KEY,
    service_id uuid NOT NULL REFERENCES services,
    kind text NOT NULL CHECK (kind IN ('delivery-status', 'complaint')),
    url text NOT NULL CHECK (url <> ''),
    sealed_token bytea NOT NULL,
    sealed_secrets bytea NOT NULL,
    active boolean NOT NULL DEFAULT true,
    disabled_reason text CHECK (disabled_reason IN ('gone', 'switched-off')),
    -- The circuit breaker, shared by all workers.
    n_failures integer NOT NULL DEFAULT 0,
    paused_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT carillon_now(),
    updated_at timestamptz NOT NULL DEFAULT carillon_now(),
    CHECK (active = (disabled_reason IS NULL)),
    -- Also how a change of status finds who wants to hear of it.
    UNIQUE (service_id, kind)
);
COMMENT ON TABLE service_callbacks IS
    'Where a service wants to hear what became of its messages; token and secrets are encrypted.';

CREATE FUNCTION derived_id(base uuid, salt text) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
        SELECT (left(base::text, 14) || '7' || substr(hash, 1, 3) || '-8' || substr(hash, 4, 3)
                || '-' || substr(hash, 7, 12))::uuid
        FROM (SELECT md5(base::text || salt) AS hash) h
    $$;
COMMENT ON FUNCTION derived_id(uuid, text) IS
    'A UUIDv7 with the time of another: the same for the same salt, so that writing it twice is one row.';

-- Partitioned by day of the UUIDv7 id, which has the time of the notification's id.
CREATE TABLE callback_events (
    id uuid PRIMARY KEY,
    callback_id uuid NOT NULL,
    service_id uuid NOT NULL,
    notification_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('delivery-status', 'complaint')),
    -- The notification's status after the change.
    status text NOT NULL,
    feedback text,
    occurred_at timestamptz NOT NULL,
    -- Either on its way or waiting; neither once it is completed.
    dispatched_at timestamptz,
    due_at timestamptz,
    wait_reason text,
    lease_until timestamptz,
    lease_token uuid,
    queue text NOT NULL DEFAULT 'callbacks',
    attempts integer NOT NULL DEFAULT 0,
    last_http_status integer,
    last_error text,
    outcome text CHECK (outcome IN ('delivered', 'refused', 'exhausted', 'disabled')),
    completed_at timestamptz,
    CHECK ((due_at IS NULL) = (wait_reason IS NULL)),
    CHECK (due_at IS NULL OR dispatched_at IS NULL),
    CHECK ((lease_until IS NULL) = (lease_token IS NULL)),
    CHECK ((outcome IS NULL) = (completed_at IS NULL))
) PARTITION BY RANGE (id);
COMMENT ON TABLE callback_events IS
    'Changes that a service wants to hear of: what is told, how far that is, and what waits.';
-- The relay takes what is due of each callback by itself, so that none delays another.
CREATE INDEX callback_events_waiting ON callback_events (callback_id, due_at) WHERE due_at IS NOT NULL;
-- On its way: counted for each callback, and read by the rescue.
CREATE INDEX callback_events_on_its_way ON callback_events (callback_id, dispatched_at) WHERE dispatched_at IS NOT NULL;
-- A callback's events, newest first.
CREATE INDEX callback_events_callback ON callback_events (callback_id, id);

CREATE TABLE callback_attempts (
    event_id uuid NOT NULL,
    attempt integer NOT NULL,
    at timestamptz NOT NULL,
    http_status integer,
    error text,
    duration_ms integer NOT NULL,
    PRIMARY KEY (event_id, attempt)
) PARTITION BY RANGE (event_id);
COMMENT ON TABLE callback_attempts IS 'Each call to a service, and what came of it.';
