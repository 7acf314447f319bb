//! Settled minutes: added up by the hour, and forgotten after weeks.

use std::time::Duration;

use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    RollUp = "roll_up.sql" { settled_ms: i64 => BigInt, limit: i64 => BigInt }
}
statement! {
    AddLate = "add_late.sql" {}
}
statement! {
    ForgetOld = "forget_old.sql" {}
}

#[derive(diesel::QueryableByName)]
struct Rolled {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// Adds minutes that have been settled for so long to their hours, at most `limit` of them; returns
/// how many there were.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn roll_up(store: &Store, settled_for: Duration, limit: i64) -> Result<i64> {
    let roll = RollUp {
        settled_ms: i64::try_from(settled_for.as_millis()).unwrap_or(i64::MAX),
        limit,
    };
    let mut conn = store.connection().await?;
    let rolled: Rolled = store.within_deadline(roll.get_result(&mut conn)).await?;
    Ok(rolled.n)
}

/// Adds counts to the hours of minutes that were rolled up before they came: they explain what was
/// there and uncounted, and what they do not explain is missing.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn add_late(store: &Store) -> Result<()> {
    let mut conn = store.connection().await?;
    store.within_deadline(AddLate {}.execute(&mut conn)).await?;
    Ok(())
}

/// Removes what is older than 35 days.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn forget_old(store: &Store) -> Result<()> {
    let mut conn = store.connection().await?;
    store
        .within_deadline(ForgetOld {}.execute(&mut conn))
        .await?;
    Ok(())
}
