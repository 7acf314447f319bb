//! Putting right what is not on a worker's or the relay's way: what fell out, proved by lease or
//! watermark, and what nobody wants to hear any more.

use std::time::Duration;

use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    RescueLost = "rescue_lost.sql" { limit: i64 => BigInt }
}
statement! {
    RescueFallen = "rescue_fallen.sql" { grace_ms: i64 => BigInt, limit: i64 => BigInt }
}
statement! {
    DropUnwanted = "drop_unwanted.sql" { limit: i64 => BigInt }
}

#[derive(diesel::QueryableByName)]
struct Rescued {
    #[diesel(sql_type = Text)]
    queue: String,
}

/// Frees events whose lease ran out and makes them due; returns the queue of each.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn rescue_lost(store: &Store, limit: i64) -> Result<Vec<String>> {
    let mut conn = store.connection().await?;
    let rescued: Vec<Rescued> = store
        .within_deadline(RescueLost { limit }.load(&mut conn))
        .await?;
    Ok(rescued.into_iter().map(|r| r.queue).collect())
}

/// Makes events due that are in no queue any more; `grace` is the longest a worker may hold an id
/// that it has not claimed. Returns the queue of each.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn rescue_fallen(store: &Store, grace: Duration, limit: i64) -> Result<Vec<String>> {
    let mut conn = store.connection().await?;
    let statement = RescueFallen {
        grace_ms: i64::try_from(grace.as_millis()).unwrap_or(i64::MAX),
        limit,
    };
    let rescued: Vec<Rescued> = store.within_deadline(statement.load(&mut conn)).await?;
    Ok(rescued.into_iter().map(|r| r.queue).collect())
}

/// Completes up to `limit` events that wait for callbacks which are switched off or were removed,
/// however they came to wait; returns how many.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn drop_unwanted(store: &Store, limit: i64) -> Result<usize> {
    let mut conn = store.connection().await?;
    let statement = DropUnwanted { limit };
    store.within_deadline(statement.execute(&mut conn)).await
}
