//! Making the rows that were saved follow their job: cancelled, held, released.

use carillon_core::id::JobId;
use carillon_core::job::RowChange;
use carillon_core::notification::{Event, Status};
use carillon_core::reason::Reason;
use diesel::sql_types::{BigInt, Bool, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    ChangeRows = "change_rows.sql" {
        job_id: JobId => SqlUuid,
        change: RowChange => Text,
        limit: i64 => BigInt,
        unsent: Status => Text,
        cancelled: Status => Text,
        paused_reason: Reason => Text,
        cancelled_reason: Reason => Text,
    }
}
statement! {
    RowsAreChanged = "rows_are_changed.sql" { job_id: JobId => SqlUuid, change: RowChange => Text }
}

/// What came of one page of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, diesel::QueryableByName)]
pub struct RowsChanged {
    /// Rows that were changed.
    #[diesel(sql_type = BigInt)]
    pub n_changed: i64,
    /// Rows in a worker's hands, and chunks being saved: they must be looked at again.
    #[diesel(sql_type = BigInt)]
    pub n_in_hand: i64,
    /// Whether the next page is to be asked for at once.
    #[diesel(sql_type = Bool)]
    pub goes_on: bool,
    /// Changes that the service is to be told of.
    #[diesel(sql_type = BigInt)]
    pub n_callback_events: i64,
}

/// Changes up to `limit` rows of a job that were saved and not sent yet, after those of the last page.
/// When it does not go on and nothing is in hand, the change is complete: [`rows_are_changed`].
///
/// # Errors
/// When PostgreSQL is away.
pub async fn change_rows(
    store: &Store,
    job_id: JobId,
    change: RowChange,
    limit: i64,
) -> Result<RowsChanged> {
    let unsent = Status::Created;
    let statement = ChangeRows {
        job_id,
        change,
        limit,
        unsent,
        // The one status that cancelling leads to.
        cancelled: unsent.on(Event::Cancelled).unwrap_or(Status::Cancelled),
        paused_reason: Reason::JobPaused,
        cancelled_reason: Reason::JobCancelled,
    };
    let mut conn = store.connection().await?;
    let changed: Vec<RowsChanged> = store.within_deadline(statement.load(&mut conn)).await?;
    changed.into_iter().next().ok_or(crate::Error::Gone)
}

/// Notes that a change is complete, unless another has been asked for meanwhile.
///
/// # Errors
/// When PostgreSQL is away; the change is then looked at again.
pub async fn rows_are_changed(store: &Store, job_id: JobId, change: RowChange) -> Result<()> {
    let mut conn = store.connection().await?;
    let statement = RowsAreChanged { job_id, change };
    store.within_deadline(statement.execute(&mut conn)).await?;
    Ok(())
}
