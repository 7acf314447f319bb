//! Putting notifications back to waiting, with a reason.

use std::time::Duration;

use carillon_core::id::NotificationId;
use carillon_core::reason::Reason;
use diesel::sql_types::{Array, BigInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    Hold = "hold.sql" {
        reason: Reason => Text,
        actor: String => Text,
        ids: Vec<NotificationId> => Array<SqlUuid>,
        waits_ms: Vec<i64> => Array<BigInt>,
        lowest: NotificationId => SqlUuid,
        highest: NotificationId => SqlUuid,
    }
}

/// Makes those of the ids that are on their way and unclaimed wait; returns how many. Their timelines
/// say so, but for those that were held for the same reason last.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn hold(
    store: &Store,
    ids: &[NotificationId],
    reason: Reason,
    wait: Duration,
    actor: &str,
) -> Result<usize> {
    let waits = ids.iter().map(|id| (*id, wait));
    hold_each(store, waits, reason, actor).await
}

/// Like [`hold`], each for a time of its own. No id may be given twice.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn hold_each(
    store: &Store,
    waits: impl IntoIterator<Item = (NotificationId, Duration)>,
    reason: Reason,
    actor: &str,
) -> Result<usize> {
    let in_ms = |wait: Duration| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    let waits = waits.into_iter().map(|(id, wait)| (id, in_ms(wait)));
    let (ids, waits_ms): (Vec<_>, Vec<_>) = waits.unzip();
    let (Some(lowest), Some(highest)) = (ids.iter().min(), ids.iter().max()) else {
        return Ok(0);
    };
    let hold = Hold {
        reason,
        actor: actor.to_owned(),
        lowest: *lowest,
        highest: *highest,
        ids,
        waits_ms,
    };
    let mut conn = store.connection().await?;
    store.within_deadline(hold.execute(&mut conn)).await
}
