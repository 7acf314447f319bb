//! Where a notification's life is read.

use anyhow::Context;
use carillon_core::clock;
use carillon_core::id::NotificationId;
use carillon_core::notification::Status;
use carillon_store::Store;
use carillon_store::notification::{read_many, timeline};
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::entry::Entry;
use super::snapshot::Snapshot;
use crate::commands::send::{Api, ApiUrl, Credentials};
use crate::cx::Cx;

/// A place that tells of it.
pub(crate) enum Source {
    /// The database.
    Database(Store),
    /// The management API, as an administrator.
    Administrator(Api),
    /// The service's own API, which tells the status only; with what it has told so far.
    Service(Api, Vec<Entry>),
}

impl Source {
    /// What tells most to who has a service's key: the API as an administrator, which is sure to
    /// be of the installation that has the message; else the database if its URL is set, else the
    /// API as the service.
    pub fn of_service(cx: &Cx, url: &ApiUrl, service: &Api) -> anyhow::Result<Self> {
        if let Some(admin) = Credentials::find_admin(cx)? {
            return Ok(Self::Administrator(url.open(cx, admin)?));
        }
        Ok(database(cx)?.unwrap_or_else(|| Self::Service(service.clone(), Vec::new())))
    }

    /// The API, for an administrator.
    pub fn of_administrator(api: &Api) -> Self {
        Self::Administrator(api.clone())
    }

    /// What is known now; `None` while it is not saved, or if there is no such notification.
    pub async fn read(&mut self, id: NotificationId) -> anyhow::Result<Option<Snapshot>> {
        match self {
            Self::Database(store) => of_database(store, id).await,
            Self::Administrator(api) => of_timeline(api, id).await,
            Self::Service(api, told) => of_status(api, id, told).await,
        }
    }
}

fn database(cx: &Cx) -> anyhow::Result<Option<Source>> {
    if cx.settings()?.database.url.expose_secret().is_empty() {
        return Ok(None);
    }
    Ok(Some(Source::Database(cx.store()?)))
}

async fn of_database(store: &Store, id: NotificationId) -> anyhow::Result<Option<Snapshot>> {
    // The status first: the timeline, read after it, says how it came about.
    let Some(row) = read_many(store, &[id]).await?.pop() else {
        return Ok(None);
    };
    let events = timeline(store, id).await?;
    Ok(Some(Snapshot {
        id,
        status: row.status,
        trace_id: row.trace_id.map(|id| id.simple().to_string()),
        events: events.into_iter().map(Entry::from).collect(),
    }))
}

async fn of_timeline(api: &Api, id: NotificationId) -> anyhow::Result<Option<Snapshot>> {
    let path = format!("/api/notifications/{id}/timeline");
    let Some(answer) = api.get(&path).await? else {
        return Ok(None);
    };
    let snapshot = serde_json::from_value(answer).context("the API's timeline cannot be read")?;
    Ok(Some(snapshot))
}

/// What of a notification the service's own API tells.
#[derive(Deserialize)]
struct Shown {
    status: Status,
    created_at: DateTime<Utc>,
}

async fn of_status(
    api: &Api,
    id: NotificationId,
    told: &mut Vec<Entry>,
) -> anyhow::Result<Option<Snapshot>> {
    let Some(answer) = api.get(&format!("/v2/notifications/{id}")).await? else {
        return Ok(None);
    };
    let shown: Shown =
        serde_json::from_value(answer).context("the API's notification cannot be read")?;
    note(told, &shown, clock::now());
    Ok(Some(Snapshot {
        id,
        status: shown.status,
        trace_id: None,
        events: told.clone(),
    }))
}

/// Adds the status to what was told, unless it is the last one told.
fn note(told: &mut Vec<Entry>, shown: &Shown, now: DateTime<Utc>) {
    let entry = |at, event: &str| Entry {
        at,
        event: event.to_owned(),
        reason: None,
        actor: "api".to_owned(),
        detail: None,
    };
    if told.is_empty() {
        told.push(entry(shown.created_at, Status::Created.as_str()));
    }
    let status = shown.status.as_str();
    if told.last().is_some_and(|last| last.event != status) {
        // When it changed is not told; this machine's clock may differ from the API's.
        told.push(entry(now.max(shown.created_at), status));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_status_only_changes_are_told() {
        let began = DateTime::from_timestamp(1_795_000_000, 0).expect("a time");
        let mut told = Vec::new();
        for (status, seconds) in [
            (Status::Created, -5),
            (Status::Created, 1),
            (Status::Sending, 2),
            (Status::Sending, 3),
            (Status::Delivered, 4),
        ] {
            let shown = Shown {
                status,
                created_at: began,
            };
            note(
                &mut told,
                &shown,
                began + chrono::TimeDelta::seconds(seconds),
            );
        }
        let told: Vec<_> = told
            .iter()
            .map(|entry| (entry.event.as_str(), (entry.at - began).num_seconds()))
            .collect();
        assert_eq!(told, [("created", 0), ("sending", 2), ("delivered", 4)]);
    }
}
