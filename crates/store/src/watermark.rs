//! Lane watermarks: proof that everything put into a queue before a moment has been taken out.

use carillon_core::queue::Queue;
use chrono::{DateTime, Utc};
use diesel::sql_types::{Text, Timestamptz};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    Record = "watermark/record.sql" { queue: Queue => Text, published_at: DateTime<Utc> => Timestamptz }
}

/// Records that a marker published at this time was taken; never moves back.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn record(store: &Store, queue: Queue, published_at: DateTime<Utc>) -> Result<()> {
    let mut conn = store.connection().await?;
    store
        .within_deadline(
            Record {
                queue,
                published_at,
            }
            .execute(&mut conn),
        )
        .await?;
    Ok(())
}

statement! {
    Read = "watermark/read.sql" {}
}

#[derive(diesel::QueryableByName)]
struct Recorded {
    #[diesel(sql_type = Text)]
    queue: String,
    #[diesel(sql_type = Timestamptz)]
    published_at: DateTime<Utc>,
}

/// Each lane's watermark, by the queue's name.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn read(store: &Store) -> Result<Vec<(String, DateTime<Utc>)>> {
    let mut conn = store.connection().await?;
    let rows: Vec<Recorded> = store.within_deadline(Read {}.load(&mut conn)).await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.queue, row.published_at))
        .collect())
}
