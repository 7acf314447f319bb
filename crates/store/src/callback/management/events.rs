//! What a callback was told, is being told or will be.

use std::str::FromStr;
use std::time::Duration;

use carillon_core::id::{self, CallbackEventId, CallbackId, NotificationId, ServiceId};
use carillon_core::notification::Status;
use carillon_core::reason::UnknownName;
use carillon_core::webhook::{CallOutcome, CallbackKind};
use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use serde::Serialize;
use uuid::Uuid;

use crate::{Result, Store};

/// A change that somebody wanted to hear of, and how far its telling is.
#[derive(Debug, Clone, PartialEq, Eq, diesel::QueryableByName, Serialize)]
pub struct Event {
    /// Its id, which calls carry as `webhook-id`.
    #[diesel(sql_type = SqlUuid)]
    pub id: CallbackEventId,
    /// Whom it is told.
    #[diesel(sql_type = SqlUuid)]
    pub callback_id: CallbackId,
    /// The tenant.
    #[diesel(sql_type = SqlUuid)]
    pub service_id: ServiceId,
    /// The message.
    #[diesel(sql_type = SqlUuid)]
    pub notification_id: NotificationId,
    /// What kind of change.
    #[diesel(sql_type = Text)]
    pub kind: CallbackKind,
    /// The message's status after the change.
    #[diesel(sql_type = Text)]
    pub status: Status,
    /// When it changed.
    #[diesel(sql_type = Timestamptz)]
    pub occurred_at: DateTime<Utc>,
    /// Attempts begun.
    #[diesel(sql_type = Integer)]
    pub attempts: i32,
    /// How the telling ended; none while it goes on.
    #[diesel(sql_type = Nullable<Text>)]
    pub outcome: Option<CallOutcome>,
    /// When it ended.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub completed_at: Option<DateTime<Utc>>,
    /// When it is tried next, while it waits.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub due_at: Option<DateTime<Utc>>,
    /// Why it waits.
    #[diesel(sql_type = Nullable<Text>)]
    pub wait_reason: Option<String>,
    /// The status code of the last answer.
    #[diesel(sql_type = Nullable<Integer>)]
    pub last_http_status: Option<i32>,
    /// Why there was none.
    #[diesel(sql_type = Nullable<Text>)]
    pub last_error: Option<String>,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, diesel::QueryableByName, Serialize)]
pub struct Attempt {
    /// Its number, from 1.
    #[diesel(sql_type = Integer)]
    pub attempt: i32,
    /// When it was made.
    #[diesel(sql_type = Timestamptz)]
    pub at: DateTime<Utc>,
    /// The status code of the answer.
    #[diesel(sql_type = Nullable<Integer>)]
    pub http_status: Option<i32>,
    /// Why there was none.
    #[diesel(sql_type = Nullable<Text>)]
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    #[diesel(sql_type = Integer)]
    pub duration_ms: i32,
}

/// Which events a page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Progress {
    /// All.
    #[default]
    Any,
    /// Those whose telling goes on.
    Pending,
    /// Those that were not delivered and are not tried again.
    Failed,
    /// Those that ended so.
    Ended(CallOutcome),
}

impl Progress {
    /// Outcomes as the statement compares them; the empty one is that of what goes on.
    fn outcomes(self) -> Option<Vec<&'static str>> {
        match self {
            Self::Any => None,
            Self::Pending => Some(vec![""]),
            Self::Failed => Some(
                CallOutcome::ALL
                    .iter()
                    .filter(|outcome| **outcome != CallOutcome::Delivered)
                    .map(|outcome| outcome.as_str())
                    .collect(),
            ),
            Self::Ended(outcome) => Some(vec![outcome.as_str()]),
        }
    }
}

impl FromStr for Progress {
    type Err = UnknownName;

    fn from_str(text: &str) -> std::result::Result<Self, UnknownName> {
        match text {
            "pending" => Ok(Self::Pending),
            "failed" => Ok(Self::Failed),
            outcome => outcome.parse().map(Self::Ended),
        }
    }
}

/// How far back messages are looked at when events are looked for by anything but their ids: a
/// message may be sent four days ahead and be given up three days later, with a day to spare. What
/// is reported later still is found by its id.
pub const REACH: Duration = Duration::from_secs(8 * 86_400);

/// The id's time moved back.
fn before(id: Uuid, by: Duration) -> Uuid {
    Uuid::from_u128(id.as_u128().saturating_sub(by.as_millis() << 80))
}

/// Where the ids begin of messages whose events may have been written since then.
pub(super) fn reach(since: DateTime<Utc>) -> CallbackEventId {
    CallbackEventId(NotificationId::lower_bound(since - REACH).0)
}

statement! {
    Page = "events.sql" {
        callback_id: CallbackId => SqlUuid,
        service_id: ServiceId => SqlUuid,
        older_than: CallbackEventId => SqlUuid,
        lowest: CallbackEventId => SqlUuid,
        n_max: i64 => BigInt,
        outcomes: Option<Vec<&'static str>> => Nullable<Array<Text>>,
    }
}

#[derive(diesel::QueryableByName)]
struct Judged {
    #[diesel(embed)]
    event: Event,
    #[diesel(sql_type = Bool)]
    is_wanted: bool,
}

statement! {
    Read = "event.sql" { id: CallbackEventId => SqlUuid }
}

statement! {
    Attempts = "attempts.sql" { event_id: CallbackEventId => SqlUuid }
}

/// Up to `limit` of a callback's events, those of the newest messages first; also of a callback
/// that was removed. Those of some kind only are looked for among the messages of [`REACH`] before
/// the first that is looked at, for they may be rare among very many.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn events(
    store: &Store,
    service_id: ServiceId,
    callback_id: CallbackId,
    progress: Progress,
    older_than: Option<CallbackEventId>,
    limit: i64,
) -> Result<Vec<Event>> {
    // Events that one statement looks at when not all are wanted, few enough for its time limit.
    const LOOK_AT: i64 = 5_000;

    let (lowest, n_max) = if progress == Progress::Any {
        (Uuid::nil(), limit)
    } else {
        let first = older_than.map_or_else(id::mint, |id| id.0);
        (before(first, REACH), LOOK_AT)
    };
    let wanted = usize::try_from(limit).unwrap_or_default();
    let (mut events, mut older_than) = (Vec::new(), older_than);
    let mut conn = store.connection().await?;
    loop {
        let page = Page {
            callback_id,
            service_id,
            older_than: older_than.unwrap_or(CallbackEventId(Uuid::max())),
            lowest: CallbackEventId(lowest),
            n_max,
            outcomes: progress.outcomes(),
        };
        let judged: Vec<Judged> = store.within_deadline(page.load(&mut conn)).await?;
        older_than = judged.last().map(|last| last.event.id);
        let found = judged.into_iter().filter(|judged| judged.is_wanted);
        events.extend(found.map(|judged| judged.event));
        if older_than.is_none() || events.len() >= wanted {
            events.truncate(wanted);
            return Ok(events);
        }
    }
}

/// Reads an event, of any tenant.
///
/// # Errors
/// [`Error::Gone`](crate::Error::Gone) when there is none, or no longer.
pub async fn event(store: &Store, id: CallbackEventId) -> Result<Event> {
    let mut conn = store.connection().await?;
    store
        .within_deadline(Read { id }.get_result(&mut conn))
        .await
}

/// The calls that were made for an event, oldest first.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn attempts(store: &Store, event_id: CallbackEventId) -> Result<Vec<Attempt>> {
    let mut conn = store.connection().await?;
    store
        .within_deadline(Attempts { event_id }.load(&mut conn))
        .await
}
