WITH c AS MATERIALIZED (
    SELECT $1::timestamptz AS minute, carillon_now() AS now
), ticked_off AS (
    UPDATE ledger_accepted a SET is_new = false FROM c WHERE a.minute = c.minute AND a.is_new
)
INSERT INTO ledger_minutes (minute, look_again_at)
SELECT c.minute, c.now FROM c
ON CONFLICT (minute) DO UPDATE SET look_again_at = excluded.look_again_at
