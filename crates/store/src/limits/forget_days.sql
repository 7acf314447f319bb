DELETE FROM service_daily_counts
WHERE day < (SELECT (carillon_now() AT TIME ZONE 'UTC')::date - 35)
