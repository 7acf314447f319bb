DELETE FROM schedule_slots WHERE slot < carillon_now() - interval '30 days'
