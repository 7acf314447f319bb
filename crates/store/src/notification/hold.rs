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
        wait_ms: i64 => BigInt,
        actor: String => Text,
        ids: Vec<NotificationId> => Array<SqlUuid>,
        lowest: NotificationId => SqlUuid,
        highest: NotificationId => SqlUuid,
    }
}

/// Makes those of the ids that are on their way and unclaimed wait; returns how many.
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
    let (Some(lowest), Some(highest)) = (ids.iter().min(), ids.iter().max()) else {
        return Ok(0);
    };
    let hold = Hold {
        reason,
        wait_ms: i64::try_from(wait.as_millis()).unwrap_or(i64::MAX),
        actor: actor.to_owned(),
        ids: ids.to_vec(),
        lowest: *lowest,
        highest: *highest,
    };
    let mut conn = store.connection().await?;
    store.within_deadline(hold.execute(&mut conn)).await
}
