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
