//! Making jobs: what they hold, their row, and the first tasks.
//!
//! A job is accepted once its row is committed. Its tasks are published after that and only make it
//! quicker: the poller finds a job that stands still.

mod memory;
mod not_made;
mod uploads;

use std::fmt;
use std::time::Duration;

use carillon_amqp::{Error as BrokerError, Outgoing, Publisher};
use carillon_connect::job_payloads::{JobPayloads, Stored};
use carillon_core::bulk::Chunk;
use carillon_core::id::JobId;
use carillon_core::idempotency::{Fingerprint, ScopedKey};
use carillon_core::job::JobStatus;
use carillon_core::queue::Queue;
use carillon_core::task::ProcessJob;
use carillon_runtime::crash_point;
use carillon_runtime::settings::Settings;
use carillon_store::job::{ChunkOf, Job, NewJob, Once};
use carillon_store::{Error, Store};
use carillon_trace::Operation;
use chrono::{DateTime, Utc};
use tracing::{Instrument, Span};

pub(crate) use memory::{Held, Memory, NoMemory};
pub(crate) use not_made::NotMade;
pub(crate) use uploads::{TooManyUploads, Uploads};

/// Takes checked jobs and makes them durable.
pub(crate) struct Jobs {
    store: Store,
    publisher: Publisher,
    /// Where what jobs hold is kept.
    pub payloads: JobPayloads,
    /// Bounds what is held of jobs that are being made.
    pub memory: Memory,
    /// Bounds how many of each service are taken.
    pub uploads: Uploads,
    parallel_chunks: usize,
    confirm_within: Duration,
}

/// What a new job holds.
pub(crate) struct Payload {
    pub chunks: Vec<Chunk>,
    /// Rows in them.
    pub n_rows: usize,
    /// Rows of the file that were left out.
    pub n_invalid_rows: usize,
    /// Those, as CSV.
    pub invalid_rows: Option<Vec<u8>>,
}

impl fmt::Debug for Payload {
    /// Without the rows, which are people's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n_rows, n_chunks) = (self.n_rows, self.chunks.len());
        let n_invalid = self.n_invalid_rows;
        write!(
            f,
            "Payload({n_rows} rows in {n_chunks} chunks, {n_invalid} left out)"
        )
    }
}

impl Jobs {
    pub fn new(
        settings: &Settings,
        store: Store,
        publisher: Publisher,
        payloads: JobPayloads,
    ) -> Self {
        let jobs = &settings.jobs;
        Self {
            store,
            publisher,
            payloads,
            memory: Memory::new(jobs.memory_bytes),
            uploads: Uploads::default(),
            parallel_chunks: jobs.parallel_chunks,
            confirm_within: settings.api.confirm_timeout,
        }
    }

    /// Makes a job; when this returns `Ok` all of its rows will be sent. What of `job` says where
    /// its payload is need not be filled in.
    ///
    /// # Errors
    /// [`NotMade::Unknown`] when it may be there all the same; after every other error it is not.
    pub async fn create(&self, job: NewJob, payload: Payload) -> Result<Job, NotMade> {
        let n_chunks = payload.chunks.len();
        let job = self.stored(job, payload).await?;
        let made = unstarted(&job);
        let created = carillon_store::job::create(&self.store, job).await;
        let created_at =
            created.map_err(|error| NotMade::of(made.id, error.may_exist, error.cause))?;
        self.created(&made, n_chunks).await;
        Ok(at(&made, created_at))
    }

    /// Makes a job as [`Jobs::create`] does, if its idempotency key is new, and keeps the answer.
    ///
    /// # Errors
    /// [`NotMade::InUse`] when a request with this key is under way elsewhere. After
    /// [`NotMade::Unknown`] the same request under the same key finds out.
    pub async fn create_once(
        &self,
        job: NewJob,
        payload: Payload,
        (key, fingerprint): (&ScopedKey, Fingerprint),
        answer: impl Fn(&Job) -> Vec<u8> + Send + Sync,
    ) -> Result<Once, NotMade> {
        let n_chunks = payload.chunks.len();
        let job = self.stored(job, payload).await?;
        let made = unstarted(&job);
        let answer = |created_at| answer(&at(&made, created_at));
        let once =
            carillon_store::job::create_once(&self.store, job, key, fingerprint, answer).await;
        let once = once.map_err(|error| match error.cause {
            Error::Conflict { .. } => NotMade::InUse,
            cause => NotMade::of(made.id, error.may_exist, cause),
        })?;
        if matches!(once, Once::Made(_)) {
            self.created(&made, n_chunks).await;
        }
        Ok(once)
    }

    /// Stores what a job holds.
    async fn stored(&self, job: NewJob, payload: Payload) -> Result<NewJob, NotMade> {
        let invalid_rows = payload.invalid_rows.as_deref();
        let stored = self
            .payloads
            .put(&self.store, job.id, &payload.chunks, invalid_rows)
            .await?;
        crash_point!("api.jobs.payload-stored");
        Ok(filled(job, payload, stored, self.payloads.storage()))
    }

    /// Goes on with a job that is committed.
    async fn created(&self, made: &Job, n_chunks: usize) {
        crash_point!("api.jobs.created");
        metrics::counter!("carillon_jobs_accepted_total", "channel" => made.channel.as_str())
            .increment(1);
        if made.status == JobStatus::Pending {
            self.start(made.id, n_chunks.min(self.parallel_chunks))
                .await;
        }
    }

    /// Publishes a job's first tasks, as many as chunks may be saved at the same time.
    async fn start(&self, job_id: JobId, n_tasks: usize) {
        let span = carillon_trace::hop(
            Operation::Publish,
            Queue::Jobs.as_str(),
            [crate::trace::current()],
        );
        let published = match tasks(job_id, n_tasks, &span) {
            Ok(tasks) => tokio::time::timeout(self.confirm_within, self.publisher.publish(&tasks))
                .instrument(span)
                .await
                .unwrap_or_else(|_| Err(BrokerError::Unavailable("no confirm in time".to_owned()))),
            Err(error) => Err(BrokerError::Unavailable(error.to_string())),
        };
        if let Err(error) = published {
            tracing::warn!(%error, %job_id, "a job's tasks are not published; the poller sends it on");
            // Without this the poller comes to it later, by the lane's watermark.
            if let Err(error) = carillon_store::job::send_on_again(&self.store, &[job_id]).await {
                tracing::warn!(%error, %job_id, "a job is left to the lane's watermark");
            }
        }
    }
}

fn tasks(job_id: JobId, n: usize, span: &Span) -> serde_json::Result<Vec<Outgoing>> {
    let task = ProcessJob { job_id };
    (0..n)
        .map(|_| {
            let message = Outgoing::task(Queue::Jobs, carillon_core::id::mint(), &task)?;
            Ok(message.traced(carillon_trace::context(span)))
        })
        .collect()
}

/// The job with what it holds, as far as that is not outside.
fn filled(job: NewJob, payload: Payload, stored: Stored, storage: &str) -> NewJob {
    let is_here = stored == Stored::InTransaction;
    let chunks = payload.chunks.into_iter().map(|chunk| ChunkOf {
        first_row: chunk.first_row,
        last_row: chunk.last_row,
        n_rows: chunk.n_rows,
        payload: is_here.then_some(chunk.payload),
    });
    NewJob {
        storage: storage.to_owned(),
        n_invalid_rows: u32::try_from(payload.n_invalid_rows).unwrap_or(u32::MAX),
        chunks: chunks.collect(),
        invalid_rows: payload.invalid_rows.filter(|_| is_here),
        ..job
    }
}

/// The job, made at this moment by the database's clock.
fn at(made: &Job, created_at: DateTime<Utc>) -> Job {
    Job {
        created_at,
        updated_at: created_at,
        ..made.clone()
    }
}

/// The job as it will be read before anything happens to it; its times are the database's to say.
fn unstarted(job: &NewJob) -> Job {
    let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let now = carillon_core::clock::now();
    Job {
        id: job.id,
        service_id: job.service_id,
        template_id: job.template_id,
        template_version: job.template_version,
        api_key_id: job.api_key_id,
        key_type: job.key_type,
        retry_of: job.retry_of,
        channel: job.channel,
        lane: job.lane,
        name: job.name.clone(),
        sender_id: job.sender_id,
        sender: job.sender.clone(),
        status: match job.scheduled_for {
            Some(_) => JobStatus::Scheduled,
            None => JobStatus::Pending,
        },
        status_reason: None,
        row_change: None,
        n_rows: count(job.chunks.iter().map(|chunk| chunk.n_rows).sum()),
        n_invalid_rows: count(job.n_invalid_rows),
        storage: job.storage.clone(),
        created_at: now,
        updated_at: now,
        scheduled_for: job.scheduled_for,
        started_at: None,
        finished_at: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_job_holds_is_not_printed() {
        let payload = Payload {
            chunks: Vec::new(),
            n_rows: 3,
            n_invalid_rows: 1,
            invalid_rows: Some(b"email address\nada@example.org\n".to_vec()),
        };
        let printed = format!("{payload:?}");
        assert_eq!(printed, "Payload(3 rows in 0 chunks, 1 left out)");
    }
}
