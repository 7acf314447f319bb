//! Whether PostgreSQL answers, and what time it is there.

use chrono::{DateTime, Utc};
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    ReadClock = "health/read_clock.sql" {}
}

#[derive(diesel::QueryableByName)]
struct Clock {
    #[diesel(sql_type = Timestamptz)]
    now: DateTime<Utc>,
}

/// The database's time: the clock of leases, due times and markers. Also the cheapest proof that
/// PostgreSQL answers.
///
/// # Errors
/// When it does not.
pub async fn now(store: &Store) -> Result<DateTime<Utc>> {
    let mut conn = store.connection().await?;
    let clock: Clock = store
        .within_deadline(ReadClock {}.get_result(&mut conn))
        .await?;
    Ok(clock.now)
}
