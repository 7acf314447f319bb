-- From where on minutes may not have been looked at: after the newest that was, and in the last hour
-- any, for rows may be saved long after their id was minted.
SELECT least(max(minute) + interval '1 minute',
    greatest(min(minute), date_trunc('minute', carillon_now() - interval '1 hour'))) AS at
FROM ledger_minutes
