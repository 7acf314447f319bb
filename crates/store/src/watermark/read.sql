SELECT queue, published_at FROM lane_watermarks
