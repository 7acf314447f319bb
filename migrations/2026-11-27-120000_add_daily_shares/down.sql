ALTER TABLE service_daily_counts DROP COLUMN shares;
