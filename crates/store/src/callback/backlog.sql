SELECT
    (SELECT count(*) FROM service_callbacks WHERE active AND paused_until > carillon_now()) AS n_paused,
    (SELECT count(*) FROM callback_events WHERE due_at IS NOT NULL) AS n_waiting,
    (SELECT coalesce(greatest(extract(epoch FROM carillon_now() - min(e.due_at)), 0), 0)::float8
     FROM callback_events e
     JOIN service_callbacks k ON k.id = e.callback_id AND k.active
        AND (k.paused_until IS NULL OR k.paused_until <= carillon_now())
     WHERE e.due_at IS NOT NULL) AS overdue_seconds
