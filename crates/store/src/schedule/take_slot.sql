INSERT INTO schedule_slots AS s (name, slot)
VALUES ($1, $2)
ON CONFLICT (name, slot) DO UPDATE
SET taken_at = carillon_now()
WHERE s.finished_at IS NULL AND s.taken_at < carillon_now() - interval '10 minutes'
