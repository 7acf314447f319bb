-- Partitioned by day of the UUIDv7 id: the time is in the id, so reads by id and retention touch
-- one partition. No DEFAULT partition and no foreign keys (house rule 5).
CREATE TABLE notifications (
    id uuid PRIMARY KEY,
    service_id uuid NOT NULL,
    template_id uuid NOT NULL,
    api_key_id uuid,
    job_id uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    sent_at timestamptz,
    completed_at timestamptz,
    scheduled_for timestamptz,
    -- Either on its way (dispatched_at) or waiting (due_at, wait_reason); neither once a provider
    -- has it or it is final.
    dispatched_at timestamptz,
    due_at timestamptz,
    lease_until timestamptz,
    lease_token uuid,
    template_version integer NOT NULL,
    job_row integer,
    attempts integer NOT NULL DEFAULT 0,
    last_seq integer NOT NULL DEFAULT 1,
    status text NOT NULL DEFAULT 'created' CHECK (status IN (
        'created', 'sending', 'pending', 'sent', 'temporary-failure', 'delivered',
        'permanent-failure', 'technical-failure', 'cancelled')),
    channel text NOT NULL CHECK (channel IN ('email', 'sms')),
    lane text NOT NULL CHECK (lane IN ('priority', 'normal', 'bulk')),
    key_type text NOT NULL CHECK (key_type IN ('normal', 'team', 'test')),
    origin text NOT NULL DEFAULT 'api' CHECK (origin IN ('api', 'job', 'incident', 'internal')),
    queue text NOT NULL,
    wait_reason text,
    recipient text NOT NULL,
    normalised_recipient text NOT NULL,
    reference text,
    sender text,
    unsubscribe_url text,
    provider text,
    provider_reference text,
    personalisation jsonb NOT NULL,
    CHECK ((due_at IS NULL) = (wait_reason IS NULL)),
    CHECK (due_at IS NULL OR (dispatched_at IS NULL AND status = 'created')),
    CHECK ((lease_until IS NULL) = (lease_token IS NULL)),
    CHECK ((job_id IS NULL) = (job_row IS NULL))
) PARTITION BY RANGE (id);
COMMENT ON TABLE notifications IS 'Every outbound message, whatever its origin.';

-- A service's messages, newest first: the id ascends with time. Nothing in it ever changes, so
-- updates stay HOT.
CREATE INDEX notifications_service ON notifications (service_id, id);
-- A service's own reference; only rows that have one pay for it. By its hash, for a reference may
-- be longer than an index entry.
CREATE INDEX notifications_reference ON notifications (service_id, md5(reference)) WHERE reference IS NOT NULL;
-- On its way: set at save and relay, cleared by the mark (the one update that is not HOT). The
-- rescue reads it, oldest first.
CREATE INDEX notifications_on_its_way ON notifications (dispatched_at) WHERE dispatched_at IS NOT NULL;
-- Waiting: what the poller relays, in order of due time.
CREATE INDEX notifications_waiting ON notifications (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE notification_events (
    notification_id uuid NOT NULL,
    seq integer NOT NULL,
    at timestamptz NOT NULL,
    event text NOT NULL,
    reason text,
    actor text NOT NULL,
    detail jsonb,
    PRIMARY KEY (notification_id, seq)
) PARTITION BY RANGE (notification_id);
COMMENT ON TABLE notification_events IS 'The timeline: why each thing happened to a notification.';

CREATE TABLE lane_watermarks (
    queue text PRIMARY KEY,
    published_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL
);
COMMENT ON TABLE lane_watermarks IS
    'Everything put into a queue before published_at has been taken out of it (house rule 2).';

CREATE TABLE quarantine (
    id uuid PRIMARY KEY,
    queue text NOT NULL,
    task text,
    reason text NOT NULL,
    detail text NOT NULL,
    payload bytea NOT NULL,
    at timestamptz NOT NULL DEFAULT carillon_now()
);
COMMENT ON TABLE quarantine IS 'Payloads that could not be handled, whole, with the reason.';

CREATE TABLE schedule_slots (
    name text NOT NULL,
    slot timestamptz NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT carillon_now(),
    finished_at timestamptz,
    PRIMARY KEY (name, slot)
);
COMMENT ON TABLE schedule_slots IS 'A row elects whoever runs a scheduled task in a slot.';
