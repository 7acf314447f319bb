INSERT INTO lane_watermarks AS w (queue, published_at, recorded_at)
VALUES ($1, $2, carillon_now())
ON CONFLICT (queue) DO UPDATE
SET published_at = greatest(w.published_at, excluded.published_at),
    recorded_at = excluded.recorded_at
