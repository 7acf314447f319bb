//! Making a job: its row, its chunks and what they hold, in one transaction.
//!
//! PostgreSQL may have committed when its answer to that is lost, and a client that then tries again
//! would send a mailing twice. So such an attempt is made again under the same id: the primary key
//! tells whether the first one came through, and waits for it if it is still on its way. A client that
//! gave an idempotency key may simply try again: its key is in the transaction too.

mod once;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use carillon_core::api_key::KeyType;
use carillon_core::channel::Channel;
use carillon_core::id::{ApiKeyId, JobId, SenderId, ServiceId, TemplateId};
use carillon_core::job::JobStatus;
use carillon_core::lane::Lane;
use carillon_core::queue::Queue;
use carillon_core::trace::TraceContext;
use carillon_schema::jobs;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{
    Array, BigInt, Binary, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use tokio::time::Instant;
use uuid::Uuid;

use crate::notification::span_to_keep;
use crate::{Error, Result, Store};

pub use once::{Once, create_once};

/// What PostgreSQL is given for the smallest job.
const AT_LEAST: Duration = Duration::from_secs(5);
/// What it writes in a second, at least, on a slow disk.
const BYTES_PER_SECOND: usize = 1 << 20;
/// What sending the statement and its commit take besides.
const MARGIN: Duration = Duration::from_secs(1);

/// For so long an attempt that had no answer is made again, and so often.
const SETTLED_WITHIN: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(250);

statement! {
    Create = "create.sql" {
        id: JobId => SqlUuid,
        service_id: ServiceId => SqlUuid,
        template_id: TemplateId => SqlUuid,
        api_key_id: Option<ApiKeyId> => Nullable<SqlUuid>,
        sender_id: Option<SenderId> => Nullable<SqlUuid>,
        retry_of: Option<JobId> => Nullable<SqlUuid>,
        scheduled_for: Option<DateTime<Utc>> => Nullable<Timestamptz>,
        template_version: i32 => Integer,
        n_rows: i32 => Integer,
        n_invalid_rows: i32 => Integer,
        status: JobStatus => Text,
        channel: Channel => Text,
        lane: Lane => Text,
        key_type: KeyType => Text,
        queue: Queue => Text,
        name: String => Text,
        sender: Option<String> => Nullable<Text>,
        storage: String => Text,
        trace_id: Option<Uuid> => Nullable<SqlUuid>,
        trace_span: Option<i64> => Nullable<BigInt>,
        chunks: Vec<i32> => Array<Integer>,
        first_rows: Vec<i32> => Array<Integer>,
        last_rows: Vec<i32> => Array<Integer>,
        chunk_rows: Vec<i32> => Array<Integer>,
        payload_chunks: Vec<i32> => Array<Integer>,
        payloads: Vec<Vec<u8>> => Array<Binary>,
    }
}

/// What a job is made of.
#[derive(Clone)]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// The tenant.
    pub service_id: ServiceId,
    /// The template.
    pub template_id: TemplateId,
    /// Its version when the job was accepted.
    pub template_version: i32,
    /// The key that was used; none when an administrator made it.
    pub api_key_id: Option<ApiKeyId>,
    /// The key's type.
    pub key_type: KeyType,
    /// The channel.
    pub channel: Channel,
    /// The lane of its rows.
    pub lane: Lane,
    /// Its name.
    pub name: String,
    /// The reply-to address or SMS sender that was named.
    pub sender_id: Option<SenderId>,
    /// Its value, or the default's.
    pub sender: Option<String>,
    /// When it is to start, if later.
    pub scheduled_for: Option<DateTime<Utc>>,
    /// Rows of the file that were refused.
    pub n_invalid_rows: u32,
    /// The job whose failed rows these are.
    pub retry_of: Option<JobId>,
    /// The request's place in its trace.
    pub trace: Option<TraceContext>,
    /// Where its payload is; [`super::payload::IN_POSTGRES`], or the location of the objects.
    pub storage: String,
    /// Its rows.
    pub chunks: Vec<ChunkOf>,
    /// The rows that were refused, as CSV; only if the payload is in PostgreSQL.
    pub invalid_rows: Option<Vec<u8>>,
}

impl fmt::Debug for NewJob {
    /// Without the rows and the sender, which are people's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewJob")
            .field("id", &self.id)
            .field("service_id", &self.service_id)
            .field("template_id", &self.template_id)
            .field("lane", &self.lane)
            .field("scheduled_for", &self.scheduled_for)
            .field("n_invalid_rows", &self.n_invalid_rows)
            .field("chunks", &self.chunks)
            .finish_non_exhaustive()
    }
}

/// Some rows of a job, in the order of the file.
#[derive(Clone)]
pub struct ChunkOf {
    /// The number of its first row.
    pub first_row: u32,
    /// The number of its last row; numbers between may be missing, for refused rows keep theirs.
    pub last_row: u32,
    /// How many rows it has.
    pub n_rows: u32,
    /// What the rows are; none if the payload is stored outside.
    pub payload: Option<Vec<u8>>,
}

impl fmt::Debug for ChunkOf {
    /// Without the rows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n_bytes = self.payload.as_ref().map_or(0, Vec::len);
        let Self {
            first_row, n_rows, ..
        } = self;
        write!(
            f,
            "ChunkOf({n_rows} rows from {first_row}, {n_bytes} bytes)"
        )
    }
}

/// Why a job was not made, as far as can be told.
#[derive(Debug, thiserror::Error)]
#[error("{}", match .may_exist {
    true => "it is not known whether the job was made",
    false => "the job was not made",
})]
pub struct CreateError {
    /// Whether PostgreSQL may have taken it all the same: then it must not be made again under
    /// another id before it was looked for.
    pub may_exist: bool,
    /// What was answered last.
    #[source]
    pub cause: Error,
}

impl CreateError {
    const fn not_made(cause: Error) -> Self {
        Self {
            may_exist: false,
            cause,
        }
    }
}

#[derive(diesel::QueryableByName)]
struct Created {
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
}

/// Makes a job; returns when, by the database's clock. It counts as sent on: the caller publishes
/// its first tasks, and if it dies before, the poller finds that it stands still. A large job may
/// take a minute and more.
///
/// # Errors
/// Caused by [`Error::Conflict`] when it or its name is there already, by [`Error::Gone`] when its
/// service is not. When PostgreSQL goes away, the error says whether the job may be there.
pub async fn create(store: &Store, job: NewJob) -> std::result::Result<DateTime<Utc>, CreateError> {
    let statement = statement(job);
    let connection = store.connection().await;
    let mut conn = connection.map_err(CreateError::not_made)?;
    let asked_to_commit = AtomicBool::new(false);
    match attempt(&mut conn, &statement, &asked_to_commit).await {
        Ok(created_at) => return Ok(created_at),
        Err(error) if error.is_transient() && asked_to_commit.into_inner() => {}
        Err(error) => return Err(CreateError::not_made(error)),
    }
    drop(conn);
    let give_up_at = Instant::now() + SETTLED_WITHIN;
    loop {
        match attempt_again(store, &statement).await {
            Ok(created_at) => return Ok(created_at),
            Err(error) if error.is_transient() && Instant::now() < give_up_at => {
                tokio::time::sleep(PAUSE).await;
            }
            Err(cause) => {
                let may_exist = cause.is_transient();
                return Err(CreateError { may_exist, cause });
            }
        }
    }
}

/// One attempt, in a transaction with a deadline that goes with its size; tells when all that is left
/// to do is the commit.
async fn attempt(
    conn: &mut AsyncPgConnection,
    statement: &Create,
    asks_to_commit: &AtomicBool,
) -> Result<DateTime<Utc>> {
    let (within, limits) = statement.limits();
    let made = conn.transaction(async |conn| {
        conn.batch_execute(&limits).await?;
        let made: Vec<Created> = statement.load(conn).await?;
        asks_to_commit.store(true, Ordering::Relaxed);
        QueryResult::Ok(made)
    });
    let made = tokio::time::timeout(within + MARGIN, made).await;
    let made = made.map_err(|_| Error::Unavailable("no answer in time".to_owned()))??;
    let made = made.into_iter().next().ok_or(Error::Gone)?;
    Ok(made.created_at)
}

/// The same after an attempt of which nothing is known: what is there is what it made.
async fn attempt_again(store: &Store, statement: &Create) -> Result<DateTime<Utc>> {
    let mut conn = store.connection().await?;
    let conflict = match attempt(&mut conn, statement, &AtomicBool::default()).await {
        Err(conflict @ Error::Conflict { .. }) => conflict,
        settled => return settled,
    };
    let select = jobs::table.find(statement.id).select(jobs::created_at);
    match store.within_deadline(select.first(&mut conn)).await {
        // Somebody else has its name, so it was never made.
        Err(Error::Gone) => Err(conflict),
        made => made,
    }
}

impl Create {
    /// How long it may take, and that as PostgreSQL is told.
    fn limits(&self) -> (Duration, String) {
        let within = within(self.payloads.iter().map(Vec::len).sum());
        let ms = within.as_millis();
        let limits = format!("SET LOCAL statement_timeout = {ms}; SET LOCAL lock_timeout = {ms}");
        (within, limits)
    }
}

/// What PostgreSQL may take for so many bytes.
fn within(n_bytes: usize) -> Duration {
    let seconds = u64::try_from(n_bytes / BYTES_PER_SECOND).unwrap_or(u64::MAX);
    AT_LEAST.saturating_add(Duration::from_secs(seconds))
}

fn statement(job: NewJob) -> Create {
    let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let numbers = || (0..).take(job.chunks.len());
    let column = |of: fn(&ChunkOf) -> u32| job.chunks.iter().map(|c| count(of(c))).collect();
    let (first_rows, last_rows) = (column(|c| c.first_row), column(|c| c.last_row));
    let chunk_rows = column(|c| c.n_rows);
    let n_rows = job.chunks.iter().map(|chunk| chunk.n_rows).sum();
    let chunks = numbers().collect();
    let stored = numbers()
        .zip(job.chunks)
        .filter_map(|(number, chunk)| Some((number, chunk.payload?)));
    let invalid_rows = job
        .invalid_rows
        .map(|csv| (super::payload::INVALID_ROWS, csv));
    let (payload_chunks, payloads) = stored.chain(invalid_rows).unzip();
    Create {
        id: job.id,
        service_id: job.service_id,
        template_id: job.template_id,
        api_key_id: job.api_key_id,
        sender_id: job.sender_id,
        retry_of: job.retry_of,
        status: match job.scheduled_for {
            Some(_) => JobStatus::Scheduled,
            None => JobStatus::Pending,
        },
        scheduled_for: job.scheduled_for,
        template_version: job.template_version,
        n_rows: count(n_rows),
        n_invalid_rows: count(job.n_invalid_rows),
        channel: job.channel,
        lane: job.lane,
        key_type: job.key_type,
        queue: Queue::delivery(job.channel, job.lane, job.key_type),
        name: job.name,
        sender: job.sender,
        storage: job.storage,
        trace_id: job.trace.map(|trace| trace.trace_id_bytes()),
        trace_span: job.trace.and_then(span_to_keep),
        chunks,
        first_rows,
        last_rows,
        chunk_rows,
        payload_chunks,
        payloads,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_job_is_given_more_time() {
        assert_eq!(within(1_000), Duration::from_secs(5));
        assert_eq!(within(64 << 20), Duration::from_secs(69));
    }

    #[test]
    fn rows_and_senders_are_not_printed() {
        let job = NewJob {
            id: JobId(Uuid::nil()),
            service_id: ServiceId(Uuid::nil()),
            template_id: TemplateId(Uuid::nil()),
            template_version: 1,
            api_key_id: None,
            key_type: KeyType::Normal,
            channel: Channel::Email,
            lane: Lane::Bulk,
            name: "Letters to Ada".to_owned(),
            sender_id: None,
            sender: Some("ada@example.org".to_owned()),
            scheduled_for: None,
            n_invalid_rows: 1,
            retry_of: None,
            trace: None,
            storage: "postgres".to_owned(),
            chunks: vec![ChunkOf {
                first_row: 1,
                last_row: 2,
                n_rows: 2,
                payload: Some(b"ada@example.org".to_vec()),
            }],
            invalid_rows: Some(b"ada@example.org".to_vec()),
        };
        let printed = format!("{job:?}");
        assert!(
            printed.contains("ChunkOf(2 rows from 1, 15 bytes)"),
            "{printed}"
        );
        let bytes = format!("{:?}", b"ada".as_slice());
        for personal in ["ada@", "Ada", bytes.trim_matches(['[', ']'])] {
            assert!(!printed.contains(personal), "{printed}");
        }
    }
}
