//! Claiming the next chunk of a job.

use std::fmt;
use std::time::Duration;

use carillon_core::api_key::KeyType;
use carillon_core::channel::Channel;
use carillon_core::id::{ApiKeyId, JobId, ServiceId, TemplateId};
use carillon_core::job::{JobStatus, RowChange};
use carillon_core::lane::Lane;
use carillon_core::queue::Queue;
use carillon_core::trace::TraceContext;
use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::{Result, Store};

statement! {
    ClaimChunk = "claim_chunk.sql" {
        job_id: JobId => SqlUuid,
        token: Uuid => SqlUuid,
        lease_ms: i64 => BigInt,
    }
}
statement! {
    GiveBackChunk = "give_back_chunk.sql" {
        job_id: JobId => SqlUuid,
        chunk: i32 => Integer,
        token: Uuid => SqlUuid,
        wait_ms: i64 => BigInt,
    }
}

/// What there is to do for a job.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The job's status once the chunk was claimed.
    pub status: JobStatus,
    /// Whether its service may send.
    pub service_is_active: bool,
    /// What is to be done to its saved rows.
    pub row_change: Option<RowChange>,
    /// The chunk that was claimed, if one was free.
    pub chunk: Option<ClaimedChunk>,
}

/// A chunk under a lease, with what all its rows have in common.
#[derive(Clone)]
pub struct ClaimedChunk {
    /// The job.
    pub job_id: JobId,
    /// The number of the chunk.
    pub chunk: i32,
    /// How many rows it has.
    pub n_rows: u32,
    /// The number of this attempt, from 1. Those that were given back do not count: each but this one ended
    /// with a worker that vanished.
    pub attempt: u32,
    /// The lease.
    pub token: Uuid,
    /// The job's first start: the time in the ids of its rows.
    pub started_at: DateTime<Utc>,
    /// The tenant.
    pub service_id: ServiceId,
    /// The template.
    pub template_id: TemplateId,
    /// Its version.
    pub template_version: i32,
    /// The key that made the job.
    pub api_key_id: Option<ApiKeyId>,
    /// Its type.
    pub key_type: KeyType,
    /// The channel.
    pub channel: Channel,
    /// The lane.
    pub lane: Lane,
    /// Where its rows are delivered from.
    pub queue: Queue,
    /// The reply-to address or SMS sender.
    pub sender: Option<String>,
    /// Where its payload is.
    pub storage: String,
    /// The span that accepted the job, if somebody records its trace.
    pub trace: Option<TraceContext>,
    trace_id: Option<Uuid>,
    trace_span: Option<i64>,
}

// What it is and not what it holds, which may be personal.
impl fmt::Debug for ClaimedChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaimedChunk")
            .field("job_id", &self.job_id)
            .field("chunk", &self.chunk)
            .field("n_rows", &self.n_rows)
            .field("attempt", &self.attempt)
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

impl ClaimedChunk {
    /// The trace as a row keeps it.
    pub(super) const fn kept_trace(&self) -> (Option<Uuid>, Option<i64>) {
        (self.trace_id, self.trace_span)
    }
}

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    status: JobStatus,
    #[diesel(sql_type = Bool)]
    active: bool,
    #[diesel(sql_type = Nullable<Text>)]
    row_change: Option<RowChange>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    started_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Integer>)]
    chunk: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    n_rows: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    attempts: Option<i32>,
    #[diesel(sql_type = SqlUuid)]
    service_id: ServiceId,
    #[diesel(sql_type = SqlUuid)]
    template_id: TemplateId,
    #[diesel(sql_type = Integer)]
    template_version: i32,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    api_key_id: Option<ApiKeyId>,
    #[diesel(sql_type = Text)]
    key_type: KeyType,
    #[diesel(sql_type = Text)]
    channel: Channel,
    #[diesel(sql_type = Text)]
    lane: Lane,
    #[diesel(sql_type = Text)]
    queue: Queue,
    #[diesel(sql_type = Nullable<Text>)]
    sender: Option<String>,
    #[diesel(sql_type = Text)]
    storage: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    trace_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<BigInt>)]
    trace_span: Option<i64>,
}

/// Claims the next free chunk of a job, and starts the job with its first. The token is that of the
/// message that asked: under the same token the same chunk comes back, even a saved one, so that a
/// message delivered again after a crash ends what the first try began without waiting for its
/// lease. `None` when there is no such job.
///
/// # Errors
/// When PostgreSQL is away; the claim may be repeated.
pub async fn claim_chunk(
    store: &Store,
    job_id: JobId,
    token: Uuid,
    lease: Duration,
) -> Result<Option<Claim>> {
    let claim = ClaimChunk {
        job_id,
        token,
        lease_ms: i64::try_from(lease.as_millis()).unwrap_or(i64::MAX),
    };
    let mut conn = store.connection().await?;
    loop {
        let rows: Vec<Row> = store.within_deadline((&claim).load(&mut conn)).await?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(None);
        };
        let (Some(chunk), None) = (row.chunk, row.started_at) else {
            return Ok(Some(row.into_claim(job_id, token)));
        };
        // Another moved the job at this very moment. Either it started it, and its time can be read
        // now, or it stopped it, and there is nothing to hold a chunk for.
        let give_back = GiveBackChunk {
            job_id,
            chunk,
            token,
            wait_ms: 0,
        };
        store.within_deadline(give_back.execute(&mut conn)).await?;
    }
}

impl Row {
    fn into_claim(self, job_id: JobId, token: Uuid) -> Claim {
        let unsigned = |n: Option<i32>| n.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        let chunk = self.chunk.zip(self.started_at);
        Claim {
            status: self.status,
            service_is_active: self.active,
            row_change: self.row_change,
            chunk: chunk.map(|(chunk, started_at)| ClaimedChunk {
                job_id,
                chunk,
                n_rows: unsigned(self.n_rows),
                attempt: unsigned(self.attempts),
                token,
                started_at,
                service_id: self.service_id,
                template_id: self.template_id,
                template_version: self.template_version,
                api_key_id: self.api_key_id,
                key_type: self.key_type,
                channel: self.channel,
                lane: self.lane,
                queue: self.queue,
                sender: self.sender,
                storage: self.storage,
                trace: crate::notification::recorded(self.trace_id, self.trace_span),
                trace_id: self.trace_id,
                trace_span: self.trace_span,
            }),
        }
    }
}

/// Gives a chunk back that could not be saved; nobody takes it before `wait` is over, and the attempt
/// does not count.
///
/// # Errors
/// When PostgreSQL is away; the lease then ends by itself.
pub async fn give_back_chunk(store: &Store, chunk: &ClaimedChunk, wait: Duration) -> Result<()> {
    let give_back = GiveBackChunk {
        job_id: chunk.job_id,
        chunk: chunk.chunk,
        token: chunk.token,
        wait_ms: i64::try_from(wait.as_millis()).unwrap_or(i64::MAX),
    };
    let mut conn = store.connection().await?;
    store.within_deadline(give_back.execute(&mut conn)).await?;
    Ok(())
}
