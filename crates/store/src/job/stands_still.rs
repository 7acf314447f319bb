//! Finding jobs that nobody goes on with.

use std::time::Duration;

use carillon_core::id::JobId;
use carillon_core::queue::Queue;
use diesel::sql_types::{Array, BigInt, Integer, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    StandStill = "stands_still.sql" {
        queue: Queue => Text,
        grace_ms: i64 => BigInt,
        pieces: i32 => Integer,
        limit: i64 => BigInt,
    }
}
statement! {
    SendOnAgain = "send_on_again.sql" { job_ids: Vec<JobId> => Array<SqlUuid> }
}

/// A job that is to be sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, diesel::QueryableByName)]
pub struct StandsStill {
    /// The job.
    #[diesel(sql_type = SqlUuid)]
    pub id: JobId,
    /// How many tasks to publish for it.
    #[diesel(sql_type = Integer)]
    pub n_pieces: i32,
}

/// Starts jobs whose time has come and returns them, with those that have something to do and whose
/// tasks are proved to be in no queue: all that were published have come out, and no chunk is held.
/// `grace` is longer than a claim takes to put the next task back, and than the second to which claims
/// note that. Each counts as sent on; the caller publishes at most `pieces` tasks for each, and if it cannot,
/// says so with [`send_on_again`].
///
/// # Errors
/// When PostgreSQL is away.
pub async fn stands_still(
    store: &Store,
    grace: Duration,
    pieces: u32,
    limit: i64,
) -> Result<Vec<StandsStill>> {
    let statement = StandStill {
        queue: Queue::Jobs,
        grace_ms: i64::try_from(grace.as_millis()).unwrap_or(i64::MAX),
        pieces: i32::try_from(pieces).unwrap_or(i32::MAX),
        limit,
    };
    let mut conn = store.connection().await?;
    store.within_deadline(statement.load(&mut conn)).await
}

/// Jobs whose tasks could not be published stand still again.
///
/// # Errors
/// When PostgreSQL is away; the queue's watermark finds them then.
pub async fn send_on_again(store: &Store, job_ids: &[JobId]) -> Result<()> {
    let mut conn = store.connection().await?;
    let statement = SendOnAgain {
        job_ids: job_ids.to_vec(),
    };
    store.within_deadline(statement.execute(&mut conn)).await?;
    Ok(())
}
