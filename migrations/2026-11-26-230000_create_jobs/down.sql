ALTER TABLE services DROP COLUMN sms_retention_days, DROP COLUMN email_retention_days;
DROP TABLE job_payloads_outside;
DROP TABLE job_payloads;
DROP TABLE job_chunks;
DROP FUNCTION job_kept_until;
DROP TABLE jobs;
