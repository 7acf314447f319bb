WITH c AS MATERIALIZED (SELECT carillon_now() AS now)
SELECT
    coalesce(extract(epoch FROM c.now - (
        SELECT min(e.minute) FROM ledger_entries e WHERE e.entry = 'in-inbox')), 0)::float8 AS in_inbox_seconds,
    extract(epoch FROM c.now - (SELECT s.checked_until FROM ledger_state s))::float8 AS unchecked_seconds
FROM c
