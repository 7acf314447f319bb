//! Reading a notification's timeline.

use carillon_core::id::NotificationId;
use chrono::{DateTime, Utc};
use diesel::sql_types::{Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde::Serialize;
use serde_json::Value;

use crate::{Result, Store};

statement! {
    ReadTimeline = "timeline.sql" { id: NotificationId => SqlUuid }
}

/// One entry of a timeline.
#[derive(Debug, Clone, PartialEq, Serialize, diesel::QueryableByName)]
pub struct TimelineEntry {
    /// When it happened.
    #[diesel(sql_type = Timestamptz)]
    pub at: DateTime<Utc>,
    /// What happened.
    #[diesel(sql_type = Text)]
    pub event: String,
    /// Why.
    #[diesel(sql_type = Nullable<Text>)]
    pub reason: Option<String>,
    /// Who did it: a process or a provider.
    #[diesel(sql_type = Text)]
    pub actor: String,
    /// Facts.
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub detail: Option<Value>,
}

/// A notification's timeline, oldest first; empty when there is none.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn timeline(store: &Store, id: NotificationId) -> Result<Vec<TimelineEntry>> {
    let mut conn = store.connection().await?;
    store
        .within_deadline(ReadTimeline { id }.load(&mut conn))
        .await
}
