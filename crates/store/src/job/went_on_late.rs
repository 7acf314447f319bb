//! Jobs that went on long after their first start, which the ids of their rows have.

use carillon_core::id::NotificationId;
use chrono::{DateTime, Utc};
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    WentOnLate = "went_on_late.sql" { before: DateTime<Utc> => Timestamptz }
}

#[derive(diesel::QueryableByName)]
struct Started {
    #[diesel(sql_type = Timestamptz)]
    started_at: DateTime<Utc>,
}

/// Where the rows lie of jobs that first started before a time and to which something happened more
/// than a day after that: the ids before the first one and after the last one.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn went_on_late(
    store: &Store,
    before: DateTime<Utc>,
) -> Result<Vec<(NotificationId, NotificationId)>> {
    let mut conn = store.connection().await?;
    let statement = WentOnLate { before };
    let started: Vec<Started> = store.within_deadline(statement.load(&mut conn)).await?;
    Ok(started
        .into_iter()
        .map(|job| super::span(job.started_at))
        .collect())
}
