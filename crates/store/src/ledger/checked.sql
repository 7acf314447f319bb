INSERT INTO ledger_state AS s (checked_until)
VALUES ($1)
ON CONFLICT (only_row) DO UPDATE
SET checked_until = greatest(s.checked_until, excluded.checked_until)
