//! Rescuing what fell out, proved by lease or watermark, never guessed from age.

use std::time::Duration;

use carillon_core::ambiguity::UNTIL_DECIDED;
use carillon_core::notification::Status;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    RescueLost = "rescue_lost.sql" {
        gave_up: Status => Text,
        until_decided_ms: i64 => BigInt,
        max_attempts: i64 => BigInt,
        limit: i64 => BigInt,
    }
}
statement! {
    RescueFallen = "rescue_fallen.sql" { grace_ms: i64 => BigInt, limit: i64 => BigInt }
}

#[derive(diesel::QueryableByName)]
struct Rescued {
    #[diesel(sql_type = Text)]
    queue: String,
}

/// Frees rows whose lease ran out. A provider may have them, so what follows is what their template
/// says of lost answers: they are due, held, or ended; those that would be due end if it was attempt
/// `max_attempts` or a later one. Returns the queue of each.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn rescue_lost(store: &Store, max_attempts: u32, limit: i64) -> Result<Vec<String>> {
    let mut conn = store.connection().await?;
    let statement = RescueLost {
        gave_up: Status::TechnicalFailure,
        until_decided_ms: i64::try_from(UNTIL_DECIDED.as_millis()).unwrap_or(i64::MAX),
        max_attempts: max_attempts.into(),
        limit,
    };
    let rescued: Vec<Rescued> = store.within_deadline(statement.load(&mut conn)).await?;
    Ok(rescued.into_iter().map(|r| r.queue).collect())
}

/// Makes rows due that are in no queue any more; `grace` is the longest a worker may hold an id
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
