-- One that is parked already keeps the times it has.
INSERT INTO parked_receipts (provider, event_id, receipt, queue, next_try)
SELECT t.provider, t.event_id, t.receipt, c.queue, c.now + c.wait
FROM unnest($1::text[], $2::text[], $3::jsonb[]) AS t (provider, event_id, receipt),
    (SELECT carillon_now() AS now, $4::text AS queue, $5::bigint * interval '1 millisecond' AS wait) c
ORDER BY t.provider, t.event_id
ON CONFLICT DO NOTHING
