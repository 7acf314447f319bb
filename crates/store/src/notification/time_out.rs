//! Ending what has been open for too long.

use carillon_core::id::NotificationId;
use carillon_core::notification::{Event, Status};
use carillon_core::reason::Reason;
use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    TimeOut = "time_out.sql" {
        unsent: Vec<Status> => Array<Text>,
        unheard: Vec<Status> => Array<Text>,
        unsent_becomes: Status => Text,
        unheard_becomes: Status => Text,
        unsent_reason: Reason => Text,
        unheard_reason: Reason => Text,
        cutoff: DateTime<Utc> => Timestamptz,
        actor: String => Text,
        after: NotificationId => SqlUuid,
        before: NotificationId => SqlUuid,
        limit: i64 => BigInt,
    }
}

/// What came of one page of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, diesel::QueryableByName)]
pub struct Page {
    /// The last message that was looked at: the next page begins after it.
    #[diesel(sql_type = SqlUuid)]
    pub last: NotificationId,
    /// Messages that were ended.
    #[diesel(sql_type = BigInt)]
    pub n_ended: i64,
    /// Changes that services are to be told of.
    #[diesel(sql_type = BigInt)]
    pub n_callback_events: i64,
}

/// Looks at up to `limit` messages between two ids, both exclusive, and ends those that are still
/// open although they should have been sent before `cutoff`. `None` when there are no messages left
/// to look at. May be repeated.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn time_out(
    store: &Store,
    (after, before): (NotificationId, NotificationId),
    cutoff: DateTime<Utc>,
    limit: i64,
) -> Result<Option<Page>> {
    let (unsent_becomes, unheard_becomes) = (Status::TechnicalFailure, Status::TemporaryFailure);
    let becoming = |target| {
        let mut statuses = Status::sources(Event::TimedOut);
        statuses.retain(|status| status.on(Event::TimedOut) == Some(target));
        statuses
    };
    let statement = TimeOut {
        unsent: becoming(unsent_becomes),
        unheard: becoming(unheard_becomes),
        unsent_becomes,
        unheard_becomes,
        unsent_reason: Reason::NeverSent,
        unheard_reason: Reason::NoReceipt,
        cutoff,
        actor: "poller".to_owned(),
        after,
        before,
        limit,
    };
    let mut conn = store.connection().await?;
    let pages: Vec<Page> = store.within_deadline(statement.load(&mut conn)).await?;
    Ok(pages.into_iter().next())
}
