UPDATE schedule_slots SET finished_at = carillon_now() WHERE name = $1 AND slot = $2
