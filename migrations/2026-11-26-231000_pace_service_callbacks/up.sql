-- What an endpoint is like, and when its events began. Constant defaults and columns that may be
-- null: nothing is rewritten. Every partition follows the parent. No index names any of them.
ALTER TABLE service_callbacks
    ADD COLUMN version integer NOT NULL DEFAULT 0,
    ADD COLUMN call_ms integer NOT NULL DEFAULT 100 CHECK (call_ms > 0);
COMMENT ON COLUMN service_callbacks.version IS
    'Raised by another URL and by a new start: what an earlier one was answered says nothing of it.';
COMMENT ON COLUMN service_callbacks.call_ms IS
    'How long its calls take, roughly: how many of its events may be on their way follows.';

ALTER TABLE callback_events
    ADD COLUMN written_at timestamptz,
    ADD COLUMN begun_at timestamptz;
-- By itself, so that only new rows have it; those before it have occurred_at.
ALTER TABLE callback_events ALTER COLUMN written_at SET DEFAULT carillon_now();
COMMENT ON COLUMN callback_events.written_at IS
    'When we learnt of the change; occurred_at is when it happened, by the provider.';
COMMENT ON COLUMN callback_events.begun_at IS
    'When its first attempt began, or the first since it was told again.';
COMMENT ON COLUMN callback_events.attempts_before_replay IS
    'How many of its attempts are no steps of the schedule: those before somebody had it told again, and those that the receiver put off.';
