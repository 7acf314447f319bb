-- A constant default: nothing is rewritten, and the lock is held for an instant. Processes that do not
-- know of it add to n, and leave what the others have told as it is.
ALTER TABLE service_daily_counts ADD COLUMN shares jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN service_daily_counts.shares IS
    'By process of the API: how much of n is its own, and the number of the statement that said so.';
COMMENT ON COLUMN service_daily_counts.granted IS 'What the last statement was granted: 0 if it only told.';
COMMENT ON COLUMN service_daily_counts.day_limit IS 'The limit by which that was decided: 0 if it only told.';
