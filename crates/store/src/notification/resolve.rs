//! Deciding about a message whose answer was lost.

use carillon_core::ambiguity::{JobStopped, Resolution};
use carillon_core::id::NotificationId;
use carillon_core::job::JobStatus;
use carillon_core::notification::{Event, Status};
use diesel::sql_types::{Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    Resolve = "resolve.sql" {
        action: Resolution => Text,
        unsent: Status => Text,
        gave_up: Status => Text,
        actor: String => Text,
        why: Option<String> => Nullable<Text>,
        id: NotificationId => SqlUuid,
    }
}

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = Nullable<Text>)]
    stopped_job: Option<JobStatus>,
    #[diesel(sql_type = Nullable<Text>)]
    status: Option<Status>,
}

/// What came of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolved {
    /// It was carried out; the message's status now.
    Done(Status),
    /// The message does not wait because its answer was lost: nothing has changed.
    NotHeld,
    /// It cannot be sent again: nothing has changed.
    JobStopped(JobStopped),
}

/// Carries out what `actor` decided about a message that waits because its answer was lost, and
/// writes it on its timeline. A retry is due at once and has its call even if the lane's attempts
/// are used up.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn resolve(
    store: &Store,
    id: NotificationId,
    action: Resolution,
    actor: &str,
    why: Option<&str>,
) -> Result<Resolved> {
    let resolve = Resolve {
        action,
        unsent: Status::Created,
        gave_up: Status::Created
            .on(Event::GaveUp)
            .unwrap_or(Status::TechnicalFailure),
        actor: actor.to_owned(),
        why: why.map(ToOwned::to_owned),
        id,
    };
    let mut conn = store.connection().await?;
    let rows: Vec<Row> = store.within_deadline(resolve.load(&mut conn)).await?;
    let Some(row) = rows.into_iter().next() else {
        return Ok(Resolved::NotHeld);
    };
    let stopped = row.stopped_job.and_then(JobStopped::of);
    Ok(match (stopped, row.status) {
        (Some(stopped), _) => Resolved::JobStopped(stopped),
        (None, Some(status)) => Resolved::Done(status),
        // Something else has moved it just now.
        (None, None) => Resolved::NotHeld,
    })
}
