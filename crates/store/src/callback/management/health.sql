SELECT w.n_waiting, w.oldest_due_at,
    (SELECT count(*) FROM callback_events e WHERE e.callback_id = g.id AND e.dispatched_at IS NOT NULL)
        AS n_on_their_way
FROM (SELECT $1::uuid AS id) g
CROSS JOIN LATERAL (
    SELECT count(*) AS n_waiting, min(e.due_at) AS oldest_due_at
    FROM callback_events e
    WHERE e.callback_id = g.id AND e.due_at IS NOT NULL
) w
