-- Connections of Carillon's processes to this database, whoever asks excepted. Times are real ones:
-- a session does not follow a clock that tests have moved.
SELECT application_name AS process,
       coalesce(host(client_addr), 'local') AS host,
       count(*) AS n,
       coalesce(extract(epoch FROM clock_timestamp() - min(xact_start)), 0)::float8
           AS longest_transaction_seconds,
       coalesce(extract(epoch FROM clock_timestamp()
           - min(state_change) FILTER (WHERE state LIKE 'idle in transaction%')), 0)::float8
           AS longest_idle_seconds
FROM pg_stat_activity
WHERE datname = current_database()
  AND backend_type = 'client backend'
  AND application_name LIKE 'carillon%'
  AND application_name <> current_setting('application_name')
GROUP BY 1, 2
ORDER BY 1, 2
