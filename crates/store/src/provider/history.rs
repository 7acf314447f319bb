//! The history of providers: every change, by whom and why.

use carillon_schema::provider_changes;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Serialize;
use serde_json::Value;

use super::Provider;
use crate::{Error, Result, Store};

/// Who changes a provider, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct By<'a> {
    /// A person's way in, or a process.
    pub actor: &'a str,
    /// Why, if it was said.
    pub reason: Option<&'a str>,
}

/// One change of a provider; no secrets.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize)]
#[diesel(table_name = provider_changes)]
pub struct Change {
    /// When.
    pub at: DateTime<Utc>,
    /// By whom.
    pub actor: String,
    /// Why, if it was said.
    pub reason: Option<String>,
    /// As it was shown before; none when it was added.
    pub before: Option<Value>,
    /// As it was shown after it; none when it was removed.
    pub after: Option<Value>,
}

/// The latest changes of a provider, which may have been removed, newest first.
///
/// # Errors
/// [`Error::Gone`] when there was never one of this name, as far as is known.
pub async fn history(store: &Store, name: &str, limit: i64) -> Result<Vec<Change>> {
    let mut conn = store.connection().await?;
    let select = provider_changes::table
        .filter(provider_changes::provider.eq(name))
        .order(provider_changes::id.desc())
        .limit(limit)
        .select(Change::as_select());
    let changes: Vec<Change> = store.within_deadline(select.load(&mut conn)).await?;
    if changes.is_empty() {
        drop(conn);
        super::read(store, name).await?;
    }
    Ok(changes)
}

/// Writes a change down, in the transaction that makes it.
pub(super) async fn note(
    conn: &mut AsyncPgConnection,
    by: By<'_>,
    before: Option<&Provider>,
    after: Option<&Provider>,
) -> std::result::Result<(), Error> {
    let name = before.or(after).map(|provider| provider.name.as_str());
    let shown = |provider: &Provider| provider.to_json();
    let mut shown_after = after.map(shown);
    if let (Some(before), Some(after), Some(Value::Object(fields))) =
        (before, after, &mut shown_after)
        && after.has_credentials()
        && before.sealed_credentials != after.sealed_credentials
    {
        // Both are shown as `has_credentials` alone.
        fields.insert("credentials".to_owned(), "new".into());
    }
    diesel::insert_into(provider_changes::table)
        .values((
            provider_changes::provider.eq(name.unwrap_or_default()),
            provider_changes::actor.eq(by.actor),
            provider_changes::reason.eq(by.reason),
            provider_changes::before.eq(before.map(shown)),
            provider_changes::after.eq(shown_after),
        ))
        .execute(conn)
        .await?;
    Ok(())
}
