DROP TABLE schedule_slots, quarantine, lane_watermarks, notification_events, notifications;
