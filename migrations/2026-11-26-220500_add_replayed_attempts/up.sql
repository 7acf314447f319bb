-- The number of an attempt goes on after a replay, for each is on record; the schedule begins anew.
-- A constant default: nothing is rewritten. Every partition follows the parent.
ALTER TABLE callback_events ADD COLUMN attempts_before_replay integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN callback_events.attempts_before_replay IS
    'How many of its attempts were made before somebody had it told again.';
