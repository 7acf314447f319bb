CREATE TABLE provider_references (
    provider text NOT NULL,
    reference text NOT NULL,
    notification_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT carillon_now(),
    PRIMARY KEY (provider, reference)
);
COMMENT ON TABLE provider_references IS
    'Which notification a provider speaks of that does not know our ids; kept for days only.';
-- The nightly task that forgets old ones.
CREATE INDEX provider_references_age ON provider_references (created_at);

CREATE TABLE parked_receipts (
    provider text NOT NULL,
    event_id text NOT NULL,
    receipt jsonb NOT NULL,
    queue text NOT NULL,
    first_seen timestamptz NOT NULL DEFAULT carillon_now(),
    next_try timestamptz NOT NULL,
    n_tries integer NOT NULL DEFAULT 0,
    PRIMARY KEY (provider, event_id)
);
COMMENT ON TABLE parked_receipts IS 'Receipts that came before what they speak of was saved.';
-- What the poller brings back, in order of time.
CREATE INDEX parked_receipts_next_try ON parked_receipts (next_try);
