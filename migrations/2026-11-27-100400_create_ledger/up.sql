-- What was accepted, and what became of it, by the minute of the message's own id.
CREATE TABLE ledger_accepted (
    minute timestamptz NOT NULL,
    service_id uuid NOT NULL,
    lane text NOT NULL CHECK (lane IN ('priority', 'normal', 'bulk')),
    -- One run of carillon-api, which counts by itself and writes the whole count again each time.
    process uuid NOT NULL,
    n bigint NOT NULL CHECK (n >= 0),
    -- Whether it has grown since the minute was last looked at.
    is_new boolean NOT NULL DEFAULT true,
    PRIMARY KEY (minute, service_id, lane, process)
-- Rows are updated every second while their minute lasts: the room keeps that within the page (HOT).
) WITH (fillfactor = 60);
COMMENT ON TABLE ledger_accepted IS 'What each process answered with 201, counted by the process itself.';
-- The minutes that the check must look at, whatever it found before. The flag turns once in a minute
-- and not with the counts.
CREATE INDEX ledger_accepted_new ON ledger_accepted (minute) WHERE is_new;

CREATE TABLE ledger_minutes (
    minute timestamptz PRIMARY KEY,
    looked_at timestamptz,
    -- None once it is settled.
    look_again_at timestamptz,
    settled_at timestamptz,
    -- When its lines were added to those of its hour, and removed.
    rolled_at timestamptz
);
COMMENT ON TABLE ledger_minutes IS 'Minutes in which something was accepted or saved, and when each is looked at again.';
-- What the check looks at again.
CREATE INDEX ledger_minutes_due ON ledger_minutes (look_again_at) WHERE look_again_at IS NOT NULL;
-- What is added to the hours.
CREATE INDEX ledger_minutes_settled ON ledger_minutes (settled_at)
    WHERE settled_at IS NOT NULL AND rolled_at IS NULL;
-- The ledger begins here: of what came before nobody counted what was accepted.
INSERT INTO ledger_minutes (minute) VALUES (date_trunc('minute', carillon_now()));

CREATE TABLE ledger_entries (
    minute timestamptz NOT NULL,
    service_id uuid NOT NULL,
    lane text NOT NULL,
    entry text NOT NULL CHECK (entry IN (
        'accepted', 'uncounted', 'in-inbox', 'quarantined', 'waiting', 'on-its-way',
        'with-provider', 'terminal', 'missing', 'adrift')),
    -- The reason of what waits, the status of what is terminal, else empty.
    detail text NOT NULL DEFAULT '',
    n bigint NOT NULL,
    PRIMARY KEY (minute, service_id, lane, entry, detail)
);
COMMENT ON TABLE ledger_entries IS 'The lines of each minute, as they were last found, until the minute is rolled up.';

CREATE TABLE ledger_hours (
    hour timestamptz NOT NULL,
    service_id uuid NOT NULL,
    lane text NOT NULL,
    entry text NOT NULL,
    detail text NOT NULL DEFAULT '',
    n bigint NOT NULL,
    PRIMARY KEY (hour, service_id, lane, entry, detail)
);
COMMENT ON TABLE ledger_hours IS 'The lines of settled minutes, added up by the hour; kept for 35 days.';

CREATE TABLE ledger_lanes (
    lane text PRIMARY KEY,
    -- The oldest watermark of the lane's inboxes, and when that was seen.
    watermark timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    -- The watermark seen before that: whoever took a message then has saved it or given it back.
    taken_out_until timestamptz
);
COMMENT ON TABLE ledger_lanes IS 'Until when everything put into a lane''s inboxes has been taken out and is in no worker''s hands.';

CREATE TABLE ledger_quarantined (
    notification_id uuid PRIMARY KEY,
    service_id uuid NOT NULL,
    lane text NOT NULL
);
COMMENT ON TABLE ledger_quarantined IS 'Accepted messages that are in quarantine instead of among the notifications.';

CREATE TABLE ledger_state (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    checked_until timestamptz NOT NULL
);
COMMENT ON TABLE ledger_state IS 'Until when every minute has been looked at.';
