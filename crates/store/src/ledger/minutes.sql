WITH c AS MATERIALIZED (
    SELECT $1::timestamptz AS from_minute, $2::timestamptz AS until_minute, carillon_now() AS now
), counted AS (
    -- What is counted after its minute was rolled up goes to the hour.
    SELECT DISTINCT a.minute
    FROM ledger_accepted a, c
    WHERE a.is_new AND a.minute < c.until_minute
      AND NOT EXISTS (
        SELECT FROM ledger_minutes m WHERE m.minute = a.minute AND m.rolled_at IS NOT NULL)
), again AS (
    SELECT m.minute FROM ledger_minutes m, c WHERE m.look_again_at <= c.now
), saved AS (
    SELECT s.minute
    FROM c, generate_series(c.from_minute, c.until_minute - interval '1 minute', interval '1 minute') AS s (minute),
        LATERAL (
            SELECT n.id
            FROM notifications n
            WHERE n.id >= uuidv7_lower_bound(s.minute)
              AND n.id < uuidv7_lower_bound(s.minute + interval '1 minute')
            LIMIT 1
        ) n
    WHERE NOT EXISTS (SELECT FROM ledger_minutes m WHERE m.minute = s.minute)
)
SELECT minute AS at
FROM (SELECT minute FROM counted UNION SELECT minute FROM again UNION SELECT minute FROM saved) found
ORDER BY minute
LIMIT $3
