//! Putting notifications back to waiting, with a reason.

use std::time::Duration;

use carillon_core::id::NotificationId;
use carillon_core::reason::Reason;
use diesel::sql_types::{Array, BigInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    Hold = "hold.sql" {
        ids: Vec<NotificationId> => Array<SqlUuid>,
        reason: Reason => Text,
        wait_ms: i64 => BigInt,
        actor: String => Text,
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
    let hold = Hold {
        ids: ids.to_vec(),
        reason,
        wait_ms: i64::try_from(wait.as_millis()).unwrap_or(i64::MAX),
        actor: actor.to_owned(),
    };
    let mut conn = store.connection().await?;
    store.within_deadline(hold.execute(&mut conn)).await
}
