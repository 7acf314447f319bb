DELETE FROM service_bounce_hours
WHERE hour < (SELECT carillon_now() - interval '2 days')
