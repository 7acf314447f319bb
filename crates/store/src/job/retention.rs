//! Removing jobs whose service keeps them no longer.

use carillon_core::id::JobId;
use carillon_core::job::{JobReason, JobStatus, RowChange};
use diesel::sql_types::{Array, BigInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use super::payload::IN_POSTGRES;
use crate::{Result, Store};

statement! {
    WithdrawExpired = "withdraw_expired.sql" {
        paused: JobStatus => Text,
        cancelled: JobStatus => Text,
        reason: JobReason => Text,
        row_change: RowChange => Text,
    }
}
statement! {
    FindExpired = "expired.sql" {
        ends: Vec<JobStatus> => Array<Text>,
        limit: i64 => BigInt,
    }
}
statement! {
    RemoveExpired = "remove_expired.sql" {
        job_id: JobId => SqlUuid,
        ends: Vec<JobStatus> => Array<Text>,
        in_postgres: String => Text,
    }
}

/// A job that is older than its service keeps it.
#[derive(Debug, Clone, PartialEq, Eq, diesel::QueryableByName)]
pub struct Expired {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: JobId,
    /// Where its payload is.
    #[diesel(sql_type = Text)]
    pub storage: String,
}

#[derive(diesel::QueryableByName)]
struct Removed {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// Cancels jobs that were paused for as long as their service keeps jobs, so that what they hold is
/// ended before they are removed; returns how many.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn withdraw_expired(store: &Store) -> Result<usize> {
    let statement = WithdrawExpired {
        paused: JobStatus::Paused,
        cancelled: JobStatus::Cancelled,
        reason: JobReason::Expired,
        row_change: RowChange::Cancel,
    };
    let mut conn = store.connection().await?;
    store.within_deadline(statement.execute(&mut conn)).await
}

/// Up to `limit` jobs, oldest first, that are older than their service keeps them and that nothing will be done to any more.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn expired(store: &Store, limit: i64) -> Result<Vec<Expired>> {
    let statement = FindExpired {
        ends: JobStatus::settled(),
        limit,
    };
    let mut conn = store.connection().await?;
    store.within_deadline(statement.load(&mut conn)).await
}

/// Removes a job with its chunks and what these hold in PostgreSQL, unless somebody let it go on since
/// it was found [`expired`]; whether it did. Its notifications stay. What lies outside is to be removed
/// after that; until then it is among [`super::outside::strays`].
///
/// # Errors
/// When PostgreSQL is away.
pub async fn remove_expired(store: &Store, job_id: JobId) -> Result<bool> {
    let statement = RemoveExpired {
        job_id,
        ends: JobStatus::settled(),
        in_postgres: IN_POSTGRES.to_owned(),
    };
    let mut conn = store.connection().await?;
    let removed: Vec<Removed> = store.within_deadline(statement.load(&mut conn)).await?;
    Ok(removed.iter().any(|removed| removed.n > 0))
}
