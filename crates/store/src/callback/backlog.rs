//! What waits to be told, as operators watch it.

use diesel::sql_types::{BigInt, Double};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    Read = "backlog.sql" {}
}

/// The state of all callbacks together.
#[derive(Debug, Clone, Copy, PartialEq, diesel::QueryableByName)]
pub struct Backlog {
    /// Endpoints that are left alone for a while because they failed.
    #[diesel(sql_type = BigInt)]
    pub n_paused: i64,
    /// Events that wait, those of paused endpoints included.
    #[diesel(sql_type = BigInt)]
    pub n_waiting: i64,
    /// Seconds by which the most overdue event of an endpoint that is not paused is late.
    #[diesel(sql_type = Double)]
    pub overdue_seconds: f64,
}

/// Counts. Reads the index of waiting events only.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn backlog(store: &Store) -> Result<Backlog> {
    let mut conn = store.connection().await?;
    store.within_deadline(Read {}.get_result(&mut conn)).await
}
