COMMENT ON COLUMN callback_events.attempts_before_replay IS
    'How many of its attempts were made before somebody had it told again.';
ALTER TABLE callback_events DROP COLUMN begun_at, DROP COLUMN written_at;
ALTER TABLE service_callbacks DROP COLUMN call_ms, DROP COLUMN version;
