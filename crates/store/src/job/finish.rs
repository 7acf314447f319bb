//! The end of saving, and the proof that nothing is missing.

use carillon_core::id::{JobId, NotificationId};
use diesel::sql_types::{BigInt, Integer, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use chrono::{DateTime, Utc};

use crate::{Result, Store};

statement! {
    Finish = "finish.sql" { job_id: JobId => SqlUuid }
}
statement! {
    Unchecked = "unchecked.sql" { limit: i64 => BigInt }
}
statement! {
    ReopenMissing = "reopen_missing.sql" {
        job_id: JobId => SqlUuid,
        lowest: NotificationId => SqlUuid,
        beyond: NotificationId => SqlUuid,
    }
}

/// Marks a job finished if none of its chunks is left to save; whether it is finished by this.
///
/// # Errors
/// When PostgreSQL is away; the poller does it then.
pub async fn finish(store: &Store, job_id: JobId) -> Result<bool> {
    let mut conn = store.connection().await?;
    let finish = Finish { job_id };
    Ok(store.within_deadline(finish.execute(&mut conn)).await? > 0)
}

#[derive(diesel::QueryableByName)]
struct UncheckedRow {
    #[diesel(sql_type = SqlUuid)]
    id: JobId,
    #[diesel(sql_type = Timestamptz)]
    started_at: DateTime<Utc>,
}

/// Finished jobs whose rows nobody has counted since, oldest first, each with its first start.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn unchecked(store: &Store, limit: i64) -> Result<Vec<(JobId, DateTime<Utc>)>> {
    let mut conn = store.connection().await?;
    let statement = Unchecked { limit };
    let rows: Vec<UncheckedRow> = store.within_deadline(statement.load(&mut conn)).await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.id, row.started_at))
        .collect())
}

#[derive(diesel::QueryableByName)]
struct Reopened {
    #[diesel(sql_type = Integer)]
    chunk: i32,
}

/// Counts the rows of a finished job. If all are there, that is noted; if not, the chunks that lack
/// some are opened again and the job goes on. Returns those chunks. No crash leads to that: the
/// rows and the fact that they are saved are one transaction.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn reopen_missing(
    store: &Store,
    job_id: JobId,
    started_at: DateTime<Utc>,
) -> Result<Vec<i32>> {
    let (lowest, beyond) = super::span(started_at);
    let statement = ReopenMissing {
        job_id,
        lowest,
        beyond,
    };
    let mut conn = store.connection().await?;
    let reopened: Vec<Reopened> = store.within_deadline(statement.load(&mut conn)).await?;
    Ok(reopened.into_iter().map(|row| row.chunk).collect())
}
