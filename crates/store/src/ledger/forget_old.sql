-- The newest minute stays, however old: it says from where on to look.
WITH c AS MATERIALIZED (
    SELECT carillon_now() - interval '35 days' AS before
), hours AS (
    DELETE FROM ledger_hours h USING c WHERE h.hour < c.before
), entries AS (
    DELETE FROM ledger_entries e USING c WHERE e.minute < c.before
), accepted AS (
    DELETE FROM ledger_accepted a USING c WHERE a.minute < c.before
), quarantined AS (
    DELETE FROM ledger_quarantined q USING c WHERE q.notification_id < uuidv7_lower_bound(c.before)
)
DELETE FROM ledger_minutes m
USING c
WHERE m.minute < c.before AND m.minute < (SELECT max(minute) FROM ledger_minutes)
