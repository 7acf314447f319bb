ALTER TABLE templates DROP COLUMN when_answer_lost;
DROP TABLE provider_changes;
ALTER TABLE providers DROP COLUMN rate_per_second, DROP COLUMN resting_weight;
