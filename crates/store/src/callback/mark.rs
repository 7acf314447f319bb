//! Writing what came of calls, in batches over all tasks in hand.

use std::time::Duration;

use carillon_core::id::{CallbackEventId, CallbackId};
use carillon_core::webhook::{CallOutcome, OPENS_AFTER, PAUSES, Pace};
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::{Result, Store};

statement! {
    Mark = "mark.sql" {
        ids: Vec<CallbackEventId> => Array<SqlUuid>,
        callbacks: Vec<CallbackId> => Array<SqlUuid>,
        versions: Vec<i32> => Array<Integer>,
        tokens: Vec<Uuid> => Array<SqlUuid>,
        attempts: Vec<i32> => Array<Integer>,
        outcomes: Vec<Option<CallOutcome>> => Array<Nullable<Text>>,
        retry_after_ms: Vec<Option<i64>> => Array<Nullable<BigInt>>,
        http_statuses: Vec<Option<i32>> => Array<Nullable<Integer>>,
        errors: Vec<Option<String>> => Array<Nullable<Text>>,
        durations_ms: Vec<i32> => Array<Integer>,
        has_failed: Vec<Option<bool>> => Array<Nullable<Bool>>,
        asked_ms: Vec<Option<i64>> => Array<Nullable<BigInt>>,
        lowest: CallbackEventId => SqlUuid,
        highest: CallbackEventId => SqlUuid,
        opens_after: i32 => Integer,
        pauses_ms: Vec<i64> => Array<BigInt>,
        fastest_ms: i32 => Integer,
    }
}

/// What came of one claimed call, decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallResult {
    /// The event.
    pub id: CallbackEventId,
    /// Whose it is.
    pub callback_id: CallbackId,
    /// Which beginning of the callback was called.
    pub version: i32,
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
    /// Whether the endpoint failed, as its breaker counts; none when it was not called, or asked to
    /// be left alone.
    pub has_failed: Option<bool>,
    /// For how long it asked to be left alone. The attempt is no step of the schedule then.
    pub asked: Option<Duration>,
}

/// Writes a batch of results. Results whose lease was taken away are recorded as attempts and change
/// no event; those of a callback that began anew meanwhile say nothing of how it is now.
///
/// # Errors
/// When PostgreSQL is away: keep the results and try again; a repeat finds the leases gone and
/// counts failures once more at most. [`crate::Error::Refused`] when it will never take one of them.
pub async fn mark(store: &Store, batch: &[CallResult]) -> Result<()> {
    fn column<T>(batch: &[CallResult], of: impl Fn(&CallResult) -> T) -> Vec<T> {
        batch.iter().map(of).collect()
    }
    let ids = column(batch, |r| r.id);
    let (Some(lowest), Some(highest)) = (ids.iter().min(), ids.iter().max()) else {
        return Ok(());
    };
    let mark = Mark {
        lowest: *lowest,
        highest: *highest,
        ids,
        callbacks: column(batch, |r| r.callback_id),
        versions: column(batch, |r| r.version),
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
        asked_ms: column(batch, |r| r.asked.map(millis)),
        opens_after: OPENS_AFTER.cast_signed(),
        pauses_ms: PAUSES.iter().copied().map(millis).collect(),
        fastest_ms: Pace::FASTEST_MS.cast_signed(),
    };
    let mut conn = store.connection().await?;
    store.within_deadline(mark.execute(&mut conn)).await?;
    Ok(())
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
