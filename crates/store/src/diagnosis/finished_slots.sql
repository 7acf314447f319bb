SELECT name, max(slot) AS slot
FROM schedule_slots
WHERE finished_at IS NOT NULL
GROUP BY name
