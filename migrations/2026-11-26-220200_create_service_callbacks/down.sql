DROP TABLE callback_attempts;
DROP TABLE callback_events;
DROP FUNCTION derived_id(uuid, text);
DROP TABLE service_callbacks;
