DROP TABLE service_brakes, service_bounce_hours, email_tallies, service_daily_counts, service_rate_budgets;
ALTER TABLE services
    DROP COLUMN rate_limit,
    DROP COLUMN email_daily_limit,
    DROP COLUMN sms_daily_limit,
    DROP COLUMN email_braked_at;
