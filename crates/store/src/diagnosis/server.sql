-- One row about the server, from settings that every role may read.
SELECT current_setting('server_version') AS version,
       current_setting('server_version_num')::integer AS version_number,
       current_setting('max_connections')::bigint
           - current_setting('superuser_reserved_connections')::bigint
           - coalesce(current_setting('reserved_connections', true), '0')::bigint AS connections_allowed,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections_taken,
       current_setting('transaction_read_only') = 'on' AS is_read_only,
       current_setting('lc_messages') AS messages_locale,
       ARRAY(
           SELECT name FROM unnest(ARRAY['fsync', 'full_page_writes', 'synchronous_commit']) AS name
           WHERE current_setting(name) = 'off'
       ) AS unsafe_settings
