-- Takes parked receipts whose wait is over and gives each its next, longer wait before anything is
-- published: whatever becomes of the message, the receipt comes again until it is applied.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now
), due AS MATERIALIZED (
    SELECT provider, event_id
    FROM parked_receipts
    WHERE next_try <= (SELECT now FROM c)
      -- A newer version's queues are for its own pollers.
      AND queue = ANY ($1)
    ORDER BY next_try
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
UPDATE parked_receipts p
SET n_tries = p.n_tries + 1,
    next_try = c.now + least($3::bigint, $4::bigint * power(2, least(p.n_tries + 1, 30))) * interval '1 millisecond'
FROM due, c
WHERE p.provider = due.provider AND p.event_id = due.event_id
RETURNING p.queue, p.receipt
