//! Which notification a provider speaks of that was not given our id, or does not bring it back.
//!
//! Written by the mark, for receipts, and kept for days only.

use std::collections::HashMap;

use carillon_core::id::NotificationId;
use diesel::sql_types::{Array, BigInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    Find = "provider_reference/find.sql" {
        providers: Vec<String> => Array<Text>,
        references: Vec<String> => Array<Text>,
    }
}
statement! {
    ForgetOld = "provider_reference/forget_old.sql" { limit: i64 => BigInt }
}

#[derive(diesel::QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    provider: String,
    #[diesel(sql_type = Text)]
    reference: String,
    #[diesel(sql_type = SqlUuid)]
    notification_id: NotificationId,
}

/// The notifications behind pairs of provider (by its kind's name) and reference; pairs that are not
/// known are missing from the answer.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn find(
    store: &Store,
    pairs: impl IntoIterator<Item = (String, String)>,
) -> Result<HashMap<(String, String), NotificationId>> {
    let (providers, references): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    if providers.is_empty() {
        return Ok(HashMap::new());
    }
    let find = Find {
        providers,
        references,
    };
    let mut conn = store.connection().await?;
    let found: Vec<Found> = store.within_deadline(find.load(&mut conn)).await?;
    let pair = |row: Found| ((row.provider, row.reference), row.notification_id);
    Ok(found.into_iter().map(pair).collect())
}

/// Removes up to `limit` references older than four days, after which no receipt comes; returns how
/// many.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn forget_old(store: &Store, limit: i64) -> Result<usize> {
    let mut conn = store.connection().await?;
    let forget = ForgetOld { limit };
    store.within_deadline(forget.execute(&mut conn)).await
}
