DROP FUNCTION ensure_day_partitions(date);
DROP FUNCTION uuidv7_lower_bound(timestamptz);
