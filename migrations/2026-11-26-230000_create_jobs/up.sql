CREATE TABLE jobs (
    id uuid PRIMARY KEY,
    service_id uuid NOT NULL REFERENCES services,
    template_id uuid NOT NULL,
    api_key_id uuid,
    sender_id uuid,
    -- The job whose failed rows these are.
    retry_of uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT carillon_now(),
    scheduled_for timestamptz,
    -- The first start: the time in the ids of its rows, so it never changes once it is set.
    started_at timestamptz,
    finished_at timestamptz,
    -- When its rows were last counted and found complete.
    checked_at timestamptz,
    -- When the poller last sent it on.
    relayed_at timestamptz,
    template_version integer NOT NULL,
    n_rows integer NOT NULL CHECK (n_rows > 0),
    n_invalid_rows integer NOT NULL DEFAULT 0,
    status text NOT NULL CHECK (status IN (
        'scheduled', 'pending', 'in progress', 'finished', 'paused', 'cancelled',
        'sending limits exceeded', 'error')),
    status_reason text,
    -- What is still to be done to rows saved before it was stopped or let go on.
    row_change text CHECK (row_change IN ('cancel', 'hold', 'release')),
    -- When that was asked for, and the row that the pass over them has come to; none at its beginning.
    row_change_at timestamptz,
    row_change_after uuid,
    channel text NOT NULL CHECK (channel IN ('email', 'sms')),
    lane text NOT NULL CHECK (lane IN ('priority', 'normal', 'bulk')),
    key_type text NOT NULL CHECK (key_type IN ('normal', 'team', 'test')),
    queue text NOT NULL,
    name text NOT NULL CHECK (name <> ''),
    sender text,
    -- Where its payload is: 'postgres' (job_payloads), or the location of the objects.
    storage text NOT NULL,
    trace_id uuid,
    trace_span bigint
);
COMMENT ON TABLE jobs IS 'Mailings: many notifications of one request.';
-- A service's jobs, newest first: ids are UUIDv7.
CREATE INDEX jobs_service ON jobs (service_id, id);
-- What the poller looks at several times a second: a handful, whatever lies in the table.
CREATE INDEX jobs_open ON jobs (id) WHERE status IN ('scheduled', 'pending', 'in progress') OR row_change IS NOT NULL;
-- Whose rows are still to be counted.
CREATE INDEX jobs_unchecked ON jobs (finished_at) WHERE status = 'finished' AND checked_at IS NULL;
-- Two requests to retry the same rows make one job.
CREATE UNIQUE INDEX jobs_retry ON jobs (retry_of, name) WHERE retry_of IS NOT NULL;
-- Retention.
CREATE INDEX jobs_age ON jobs (created_at);

CREATE FUNCTION job_kept_until(job jobs, days integer) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT greatest(job.created_at, job.scheduled_for, job.updated_at)
        + interval '1 day' * (days + CASE WHEN job.updated_at > job.started_at + interval '1 day' THEN 1 ELSE 0 END)
$$;
COMMENT ON FUNCTION job_kept_until IS
    'So many days since anything happened to it; a day more if it went on long after its start, for it leads the time-outs to its rows.';

CREATE TABLE job_chunks (
    job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    chunk integer NOT NULL,
    -- Numbers between may be missing: refused rows keep theirs.
    first_row integer NOT NULL,
    last_row integer NOT NULL,
    n_rows integer NOT NULL CHECK (n_rows > 0),
    attempts integer NOT NULL DEFAULT 0,
    lease_until timestamptz,
    lease_token uuid,
    saved_at timestamptz,
    PRIMARY KEY (job_id, chunk)
);
COMMENT ON TABLE job_chunks IS 'How far a job is: each chunk is claimed with a lease, and saved in one transaction.';
-- What is left of a job.
CREATE INDEX job_chunks_open ON job_chunks (job_id, chunk) WHERE saved_at IS NULL;

CREATE TABLE job_payloads (
    job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    chunk integer NOT NULL,
    payload bytea NOT NULL,
    PRIMARY KEY (job_id, chunk)
);
COMMENT ON TABLE job_payloads IS
    'What the chunks of a job hold, unless that is stored outside; chunk -1 are the rows that were refused, as CSV.';
-- They are compressed already.
ALTER TABLE job_payloads ALTER COLUMN payload SET STORAGE EXTERNAL;

-- Only what this database knows of is ever removed: others may keep theirs in the same place.
CREATE TABLE job_payloads_outside (
    job_id uuid PRIMARY KEY,
    storage text NOT NULL,
    -- If it belongs to no job then, it goes.
    removable_at timestamptz NOT NULL
);
COMMENT ON TABLE job_payloads_outside IS
    'Payloads outside that may belong to no job: noted before they are stored, and when their job is removed.';

-- Constant defaults: nothing is rewritten, and the lock is held for an instant.
ALTER TABLE services
    ADD COLUMN email_retention_days integer NOT NULL DEFAULT 7 CHECK (email_retention_days BETWEEN 3 AND 90),
    ADD COLUMN sms_retention_days integer NOT NULL DEFAULT 7 CHECK (sms_retention_days BETWEEN 3 AND 90);
COMMENT ON COLUMN services.email_retention_days IS 'How long its e-mail jobs are kept.';
COMMENT ON COLUMN services.sms_retention_days IS 'How long its jobs of text messages are kept.';
