//! Making a job: its row, its chunks and what they hold, in one transaction.

use carillon_core::api_key::KeyType;
use carillon_core::channel::Channel;
use carillon_core::id::{ApiKeyId, JobId, SenderId, ServiceId, TemplateId};
use carillon_core::job::JobStatus;
use carillon_core::lane::Lane;
use carillon_core::queue::Queue;
use carillon_core::trace::TraceContext;
use chrono::{DateTime, Utc};
use diesel::sql_types::{
    Array, BigInt, Binary, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::notification::span_to_keep;
use crate::{Result, Store};

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
#[derive(Debug, Clone)]
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

/// Some rows of a job, in the order of the file.
#[derive(Debug, Clone)]
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

#[derive(diesel::QueryableByName)]
struct Created {
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
}

/// Makes a job; returns when, by the database's clock. It counts as sent on: the caller publishes
/// its first tasks, and if it dies before, the poller finds that it stands still.
///
/// # Errors
/// [`crate::Error::Conflict`] when it is there already, [`crate::Error::Gone`] when its service is
/// not.
pub async fn create(store: &Store, job: NewJob) -> Result<DateTime<Utc>> {
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
    let statement = Create {
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
    };
    let mut conn = store.connection().await?;
    let created: Vec<Created> = store.within_deadline(statement.load(&mut conn)).await?;
    let created = created.into_iter().next().ok_or(crate::Error::Gone)?;
    Ok(created.created_at)
}
