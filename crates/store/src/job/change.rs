//! Moving a job from status to status, as `core::job` allows.

use carillon_core::id::JobId;
use carillon_core::job::{JobEvent, JobReason, JobStatus, RowChange};
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    MoveOn = "move_on.sql" {
        job_id: JobId => SqlUuid,
        sources: Vec<JobStatus> => Array<Text>,
        target: Option<JobStatus> => Nullable<Text>,
        reason: Option<JobReason> => Nullable<Text>,
        row_change: Option<RowChange> => Nullable<Text>,
        begins_anew: bool => Bool,
    }
}

#[derive(diesel::QueryableByName)]
struct Moved {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// Lets an event happen to a job, if it goes with the job's status; whether it did. What it means
/// for rows that were saved before is noted in the same statement; the next [`super::change_rows`]
/// carry it out. Chunks in hand are not taken away when a job is stopped: they end with their leases. If
/// it goes on, they are free at once, and what crashed before does not count any more.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn move_on(
    store: &Store,
    job_id: JobId,
    event: JobEvent,
    reason: Option<JobReason>,
) -> Result<bool> {
    let sources = JobStatus::sources(event);
    // An event leads to one status, wherever from (a test in core::job proves it).
    let target = sources.iter().find_map(|source| source.on(event));
    let statement = MoveOn {
        job_id,
        sources,
        target,
        reason,
        row_change: RowChange::of(event),
        begins_anew: event == JobEvent::Resumed,
    };
    let mut conn = store.connection().await?;
    let moved: Vec<Moved> = store.within_deadline(statement.load(&mut conn)).await?;
    Ok(moved.iter().any(|moved| moved.n > 0))
}
