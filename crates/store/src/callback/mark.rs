//! Writing what came of calls, in batches over all tasks in hand.

use std::time::Duration;

use carillon_core::id::{CallbackEventId, CallbackId};
use carillon_core::webhook::{CallOutcome, OPENS_AFTER, PAUSES};
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::{Result, Store};

statement! {
    Mark = "mark.sql" {
        ids: Vec<CallbackEventId> => Array<SqlUuid>,
        callbacks: Vec<CallbackId> => Array<SqlUuid>,
        tokens: Vec<Uuid> => Array<SqlUuid>,
        attempts: Vec<i32> => Array<Integer>,
        outcomes: Vec<Option<CallOutcome>> => Array<Nullable<Text>>,
        retry_after_ms: Vec<Option<i64>> => Array<Nullable<BigInt>>,
        http_statuses: Vec<Option<i32>> => Array<Nullable<Integer>>,
        errors: Vec<Option<String>> => Array<Nullable<Text>>,
        durations_ms: Vec<i32> => Array<Integer>,
        has_failed: Vec<Option<bool>> => Array<Nullable<Bool>>,
        lowest: CallbackEventId => SqlUuid,
        highest: CallbackEventId => SqlUuid,
        opens_after: i32 => Integer,
        pauses_ms: Vec<i64> => Array<BigInt>,
    }
}

/// What came of one claimed call, decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallResult {
    /// The event.
    pub id: CallbackEventId,
    /// Whose it is.
    pub callback_id: CallbackId,
    /// The lease under which it was claimed.
    pub token: Uuid,
    /// The number of the attempt, from 1.
    pub attempt: i32,
    /// How the telling ended; none when it is tried again. [`CallOutcome::Disabled`] ends the
    /// callback too.
    pub outcome: Option<CallOutcome>,
    /// The wait before the next attempt, when there is one.
    pub retry_after: Option<Duration>,
    /// The receiver's answer.
    pub http_status: Option<u16>,
    /// Why there is none, in our words.
    pub error: Option<String>,
    /// From the start of the call to its end.
    pub duration: Duration,
    /// Whether the endpoint failed, as its breaker counts; none when it was not called.
    pub has_failed: Option<bool>,
}

/// An endpoint whose state a batch has touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// Which.
    pub id: CallbackId,
    /// Whether it still wants calls.
    pub is_active: bool,
    /// For how long it is left alone from now on; zero when it is not.
    pub paused_for: Duration,
}

#[derive(diesel::QueryableByName)]
struct Told {
    #[diesel(sql_type = SqlUuid)]
    id: CallbackId,
    #[diesel(sql_type = Bool)]
    active: bool,
    #[diesel(sql_type = Nullable<BigInt>)]
    paused_ms: Option<i64>,
}

/// Writes a batch of results, and returns the endpoints that are not well, or well again. Results
/// whose lease was taken away are recorded as attempts and change no event.
///
/// # Errors
/// When PostgreSQL is away: keep the results and try again; a repeat finds the leases gone and
/// counts failures once more at most. [`crate::Error::Refused`] when it will never take one of them.
pub async fn mark(store: &Store, batch: &[CallResult]) -> Result<Vec<Endpoint>> {
    fn column<T>(batch: &[CallResult], of: impl Fn(&CallResult) -> T) -> Vec<T> {
        batch.iter().map(of).collect()
    }
    let ids = column(batch, |r| r.id);
    let (Some(lowest), Some(highest)) = (ids.iter().min(), ids.iter().max()) else {
        return Ok(Vec::new());
    };
    let mark = Mark {
        lowest: *lowest,
        highest: *highest,
        ids,
        callbacks: column(batch, |r| r.callback_id),
        tokens: column(batch, |r| r.token),
        attempts: column(batch, |r| r.attempt),
        outcomes: column(batch, |r| r.outcome),
        retry_after_ms: column(batch, |r| r.retry_after.map(millis)),
        http_statuses: column(batch, |r| r.http_status.map(i32::from)),
        errors: column(batch, |r| r.error.clone()),
        durations_ms: column(batch, |r| {
            i32::try_from(r.duration.as_millis()).unwrap_or(i32::MAX)
        }),
        has_failed: column(batch, |r| r.has_failed),
        opens_after: OPENS_AFTER.cast_signed(),
        pauses_ms: PAUSES.iter().copied().map(millis).collect(),
    };
    let mut conn = store.connection().await?;
    let told: Vec<Told> = store.within_deadline(mark.load(&mut conn)).await?;
    Ok(told
        .into_iter()
        .map(|told| Endpoint {
            id: told.id,
            is_active: told.active,
            paused_for: Duration::from_millis(told.paused_ms.unwrap_or(0).max(0).unsigned_abs()),
        })
        .collect())
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
