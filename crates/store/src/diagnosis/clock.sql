SELECT carillon_now() AS now,
       coalesce((SELECT extract(epoch FROM "offset") FROM clock_offset), 0)::float8 AS offset_seconds
