SELECT queue, extract(epoch FROM carillon_now() - recorded_at)::float8 AS silent_seconds
FROM lane_watermarks
ORDER BY queue
