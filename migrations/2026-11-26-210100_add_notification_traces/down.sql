ALTER TABLE notifications DROP COLUMN trace_id, DROP COLUMN trace_span;
