SELECT ensure_day_partitions($1::date) AS made
