//! Putting events back to waiting, with a reason.

use std::time::Duration;

use carillon_core::id::CallbackEventId;
use carillon_core::webhook::CallWait;
use diesel::sql_types::{Array, BigInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    Hold = "hold.sql" {
        reason: CallWait => Text,
        wait_ms: i64 => BigInt,
        ids: Vec<CallbackEventId> => Array<SqlUuid>,
        lowest: CallbackEventId => SqlUuid,
        highest: CallbackEventId => SqlUuid,
    }
}

/// Makes those of the events that are on their way and unclaimed wait; returns how many.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn hold(
    store: &Store,
    ids: &[CallbackEventId],
    reason: CallWait,
    wait: Duration,
) -> Result<usize> {
    let (Some(lowest), Some(highest)) = (ids.iter().min(), ids.iter().max()) else {
        return Ok(0);
    };
    let hold = Hold {
        reason,
        wait_ms: i64::try_from(wait.as_millis()).unwrap_or(i64::MAX),
        lowest: *lowest,
        highest: *highest,
        ids: ids.to_vec(),
    };
    let mut conn = store.connection().await?;
    store.within_deadline(hold.execute(&mut conn)).await
}
