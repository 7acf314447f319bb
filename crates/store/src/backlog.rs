//! The backlog as operators watch it: what is on its way and what waits, how much and how old.

use carillon_core::queue::Queue;
use diesel::sql_types::{BigInt, Double, Text};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    OnItsWay = "backlog/on_its_way.sql" {}
}
statement! {
    Waiting = "backlog/waiting.sql" {}
}

/// Notifications on their way through one queue.
#[derive(Debug, Clone, PartialEq, diesel::QueryableByName)]
pub struct OnTheWay {
    /// The queue.
    #[diesel(sql_type = Text)]
    pub queue: Queue,
    /// How many.
    #[diesel(sql_type = BigInt)]
    pub n: i64,
    /// Seconds since the oldest was put on its way.
    #[diesel(sql_type = Double)]
    pub oldest_seconds: f64,
}

/// Notifications that wait for one reason.
#[derive(Debug, Clone, PartialEq, diesel::QueryableByName)]
pub struct WaitingFor {
    /// The reason.
    #[diesel(sql_type = Text)]
    pub reason: String,
    /// How many.
    #[diesel(sql_type = BigInt)]
    pub n: i64,
    /// Seconds by which the most overdue one is late; 0 when none is.
    #[diesel(sql_type = Double)]
    pub overdue_seconds: f64,
}

/// What is on its way, by queue. Reads the index of such rows only.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn on_its_way(store: &Store) -> Result<Vec<OnTheWay>> {
    let mut conn = store.connection().await?;
    store.within_deadline(OnItsWay {}.load(&mut conn)).await
}

/// What waits, by reason. Reads the index of such rows only.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn waiting(store: &Store) -> Result<Vec<WaitingFor>> {
    let mut conn = store.connection().await?;
    store.within_deadline(Waiting {}.load(&mut conn)).await
}
