//! Removing jobs whose service keeps them no longer.

use carillon_core::id::JobId;
use carillon_core::job::JobStatus;
use carillon_schema::jobs;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    Expired = "expired.sql" { ends: Vec<JobStatus> => Array<Text>, limit: i64 => BigInt }
}

#[derive(diesel::QueryableByName)]
struct ExpiredRow {
    #[diesel(sql_type = SqlUuid)]
    id: JobId,
    #[diesel(sql_type = Text)]
    storage: String,
}

/// Up to `limit` jobs, with where their payload is, that are older than their service keeps them and
/// that nothing will be done to by itself.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn expired(store: &Store, limit: i64) -> Result<Vec<(JobId, String)>> {
    let mut ends = JobStatus::settled();
    ends.push(JobStatus::Paused);
    let mut conn = store.connection().await?;
    let statement = Expired { ends, limit };
    let rows: Vec<ExpiredRow> = store.within_deadline(statement.load(&mut conn)).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.storage)).collect())
}

/// Those of the ids that are no job's.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn without_row(store: &Store, ids: &[JobId]) -> Result<Vec<JobId>> {
    let mut conn = store.connection().await?;
    let select = jobs::table
        .filter(jobs::id.eq_any(ids.to_vec()))
        .select(jobs::id);
    let there: Vec<JobId> = store.within_deadline(select.load(&mut conn)).await?;
    Ok(ids
        .iter()
        .copied()
        .filter(|id| !there.contains(id))
        .collect())
}

/// Removes jobs with their chunks and what these hold in PostgreSQL; their notifications stay.
/// What is stored outside must be removed before.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn remove_expired(store: &Store, ids: &[JobId]) -> Result<usize> {
    let mut conn = store.connection().await?;
    let delete = diesel::delete(jobs::table.filter(jobs::id.eq_any(ids.to_vec())));
    store.within_deadline(delete.execute(&mut conn)).await
}
