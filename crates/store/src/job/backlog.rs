//! What jobs have still to do.

use diesel::sql_types::{BigInt, Double};
use diesel_async::RunQueryDsl;

use crate::{Error, Result, Store};

statement! {
    BacklogNow = "backlog.sql" {}
}

/// Jobs that are to go on now, those whose time has not come not counted.
#[derive(Debug, Clone, Copy, PartialEq, diesel::QueryableByName)]
pub struct Backlog {
    /// Jobs pending or in progress.
    #[diesel(sql_type = BigInt)]
    pub n_jobs: i64,
    /// Their rows that are not saved yet.
    #[diesel(sql_type = BigInt)]
    pub n_rows: i64,
    /// How long the oldest has been due and not finished, in seconds.
    #[diesel(sql_type = Double)]
    pub overdue_seconds: f64,
}

/// Counts what jobs have still to do.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn backlog(store: &Store) -> Result<Backlog> {
    let mut conn = store.connection().await?;
    let counted: Vec<Backlog> = store.within_deadline(BacklogNow {}.load(&mut conn)).await?;
    counted.into_iter().next().ok_or(Error::Gone)
}
