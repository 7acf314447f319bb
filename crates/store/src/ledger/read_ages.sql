WITH c AS MATERIALIZED (SELECT carillon_now() AS now)
SELECT
    coalesce(extract(epoch FROM c.now - (
        SELECT min(e.minute) FROM ledger_entries e WHERE e.entry = 'in-inbox')), 0)::float8 AS in_inbox_seconds,
    (SELECT extract(epoch FROM s.checked_until)::float8 FROM ledger_state s) AS checked_until
FROM c
