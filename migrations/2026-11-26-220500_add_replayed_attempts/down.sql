ALTER TABLE callback_events DROP COLUMN attempts_before_replay;
