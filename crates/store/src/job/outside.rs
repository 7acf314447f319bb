//! Payloads that lie outside and may belong to no job: of a job that was never made, or that is gone.
//!
//! Each is noted before it is stored, and again by the statement that removes its job. So nothing is
//! ever removed outside that was not this database's.

use std::time::Duration;

use carillon_core::id::JobId;
use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::{Result, Store};

/// A job's row follows its payload within seconds.
const GRACE: Duration = Duration::from_secs(3_600);

statement! {
    NoteOutside = "note_outside.sql" {
        job_id: JobId => SqlUuid,
        storage: String => Text,
        grace_ms: i64 => BigInt,
    }
}
statement! {
    Strays = "strays.sql" { after: JobId => SqlUuid, limit: i64 => BigInt }
}
statement! {
    ForgetOutside = "forget_outside.sql" { job_id: JobId => SqlUuid }
}

/// A payload outside that belongs to no job.
#[derive(Debug, Clone, PartialEq, Eq, diesel::QueryableByName)]
pub struct Stray {
    /// The job that it was of, or was to be of.
    #[diesel(sql_type = SqlUuid)]
    pub id: JobId,
    /// Where it is.
    #[diesel(sql_type = Text)]
    pub storage: String,
}

/// Notes that a payload will be stored outside. If its job is not made within an hour, it is a stray.
///
/// # Errors
/// When PostgreSQL is away; nothing may be stored then.
pub async fn note(store: &Store, job_id: JobId, storage: &str) -> Result<()> {
    let statement = NoteOutside {
        job_id,
        storage: storage.to_owned(),
        grace_ms: i64::try_from(GRACE.as_millis()).unwrap_or(i64::MAX),
    };
    let mut conn = store.connection().await?;
    store.within_deadline(statement.execute(&mut conn)).await?;
    Ok(())
}

/// Up to `limit` payloads, by the ids of their jobs and only those after one, that belong to no job: it
/// is removed, or was never made.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn strays(store: &Store, after: Option<JobId>, limit: i64) -> Result<Vec<Stray>> {
    let statement = Strays {
        after: after.unwrap_or(JobId(Uuid::nil())),
        limit,
    };
    let mut conn = store.connection().await?;
    store.within_deadline(statement.load(&mut conn)).await
}

/// Forgets a payload, for nothing of it is left.
///
/// # Errors
/// When PostgreSQL is away; it is removed once more then, which is no error.
pub async fn forget(store: &Store, job_id: JobId) -> Result<()> {
    let mut conn = store.connection().await?;
    let statement = ForgetOutside { job_id };
    store.within_deadline(statement.execute(&mut conn)).await?;
    Ok(())
}
