UPDATE service_brakes SET rows_released_at = carillon_now()
WHERE service_id = $1 AND braked_at = $2
