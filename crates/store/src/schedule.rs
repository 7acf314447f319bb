//! Slots of scheduled tasks: a row elects whoever runs one.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Text, Timestamptz};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    TakeSlot = "schedule/take_slot.sql" { name: String => Text, slot: DateTime<Utc> => Timestamptz }
}
statement! {
    FinishSlot = "schedule/finish_slot.sql" { name: String => Text, slot: DateTime<Utc> => Timestamptz }
}
statement! {
    ForgetOld = "schedule/forget_old.sql" {}
}

/// Takes a slot; true for exactly one caller, and again for one other when the taker did not
/// finish within ten minutes: a crash does not lose a slot.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn take(store: &Store, name: &str, slot: DateTime<Utc>) -> Result<bool> {
    let mut conn = store.connection().await?;
    let take = TakeSlot {
        name: name.to_owned(),
        slot,
    };
    Ok(store.within_deadline(take.execute(&mut conn)).await? > 0)
}

/// Notes that the slot's work is done.
///
/// # Errors
/// When PostgreSQL is away; the slot is then run again, which scheduled tasks must bear.
pub async fn finish(store: &Store, name: &str, slot: DateTime<Utc>) -> Result<()> {
    let mut conn = store.connection().await?;
    let finish = FinishSlot {
        name: name.to_owned(),
        slot,
    };
    store.within_deadline(finish.execute(&mut conn)).await?;
    Ok(())
}

/// Removes slots older than thirty days; returns how many.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn forget_old(store: &Store) -> Result<usize> {
    let mut conn = store.connection().await?;
    store.within_deadline(ForgetOld {}.execute(&mut conn)).await
}
