//! Whom a service does not send to: the list as people and recipients change it. Receipts put
//! recipients on it by themselves, with the change of status.

use carillon_core::channel::Channel;
use carillon_core::id::{NotificationId, ServiceId};
use carillon_core::suppression::{SuppressionReason, comparable};
use carillon_schema::suppressions;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde::Serialize;

use crate::{Error, Result, Store};

/// Why one recipient is on a service's list.
#[derive(Clone, PartialEq, Eq, diesel::QueryableByName, Serialize)]
pub struct Suppression {
    /// The channel.
    #[diesel(sql_type = Text)]
    pub channel: Channel,
    /// The recipient in the form in which recipients are compared.
    #[diesel(sql_type = Text)]
    pub recipient: String,
    /// The reason.
    #[diesel(sql_type = Text)]
    pub reason: SuppressionReason,
    /// The message that showed it, where there was one.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub source_notification_id: Option<NotificationId>,
    /// Since when.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
}

/// The place of an entry in the list, after which a page begins.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    /// The channel.
    pub channel: Channel,
    /// The recipient in the form in which recipients are compared.
    pub recipient: String,
    /// The reason.
    pub reason: SuppressionReason,
}

impl From<&Suppression> for Place {
    fn from(entry: &Suppression) -> Self {
        Self {
            channel: entry.channel,
            recipient: entry.recipient.clone(),
            reason: entry.reason,
        }
    }
}

/// Recipients of one statement of an import.
pub const IMPORT_BATCH: usize = 1_000;

statement! {
    Page = "suppression/page.sql" {
        service_id: ServiceId => SqlUuid,
        channel: Channel => Text,
        recipient: String => Text,
        reason: String => Text,
        limit: i64 => BigInt,
    }
}

statement! {
    OfRecipient = "suppression/of_recipient.sql" {
        service_id: ServiceId => SqlUuid,
        channel: Channel => Text,
        recipient: String => Text,
    }
}

statement! {
    Import = "suppression/import.sql" {
        service_id: ServiceId => SqlUuid,
        channel: Channel => Text,
        reason: SuppressionReason => Text,
        recipients: Vec<String> => Array<Text>,
    }
}

statement! {
    Unsubscribe = "suppression/unsubscribe.sql" {
        notification_id: NotificationId => SqlUuid,
        service_id: ServiceId => SqlUuid,
    }
}

#[derive(diesel::QueryableByName)]
struct Found {
    #[diesel(sql_type = BigInt)]
    n_found: i64,
}

/// A page of a service's list by channel, recipient and reason: of one channel or of all, after a
/// place. The list may be long; nothing counts it.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn list(
    store: &Store,
    service_id: ServiceId,
    channel: Option<Channel>,
    after: Option<&Place>,
    limit: usize,
) -> Result<Vec<Suppression>> {
    let mut entries = Vec::new();
    // In the order of the primary key, which is that of the channels' names.
    for of in [Channel::Email, Channel::Sms] {
        let wanted = limit.saturating_sub(entries.len());
        let is_before = after.is_some_and(|place| of.as_str() < place.channel.as_str());
        if wanted == 0 || is_before || channel.is_some_and(|channel| channel != of) {
            continue;
        }
        let place = after.filter(|place| place.channel == of);
        let page = Page {
            service_id,
            channel: of,
            recipient: place.map(|p| p.recipient.clone()).unwrap_or_default(),
            reason: place
                .map(|p| p.reason.as_str().to_owned())
                .unwrap_or_default(),
            limit: i64::try_from(wanted).unwrap_or(i64::MAX),
        };
        let mut conn = store.connection().await?;
        let found: Vec<Suppression> = store.within_deadline(page.load(&mut conn)).await?;
        entries.extend(found);
    }
    Ok(entries)
}

/// Why a recipient is on a service's list; empty when it is not.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn of_recipient(
    store: &Store,
    service_id: ServiceId,
    channel: Channel,
    recipient: &str,
) -> Result<Vec<Suppression>> {
    let of = OfRecipient {
        service_id,
        channel,
        recipient: comparable(channel, recipient),
    };
    let mut conn = store.connection().await?;
    store.within_deadline(of.load(&mut conn)).await
}

/// Puts a recipient on the list by hand; true when it was not there for that reason.
///
/// # Errors
/// [`Error::Gone`] when the service does not exist.
pub async fn add(
    store: &Store,
    service_id: ServiceId,
    channel: Channel,
    recipient: &str,
) -> Result<bool> {
    let recipients = [recipient.to_owned()];
    let reason = SuppressionReason::Manual;
    let n_new = import(store, service_id, channel, &recipients, reason).await?;
    Ok(n_new > 0)
}

/// Puts many recipients on the list, in batches that each stand by themselves: repeating an import
/// that broke off completes it. Returns how many were not there for that reason.
///
/// # Errors
/// [`Error::Gone`] when the service does not exist.
pub async fn import(
    store: &Store,
    service_id: ServiceId,
    channel: Channel,
    recipients: &[String],
    reason: SuppressionReason,
) -> Result<usize> {
    let mut n_new = 0;
    for batch in recipients.chunks(IMPORT_BATCH) {
        let import = Import {
            service_id,
            channel,
            reason,
            recipients: batch
                .iter()
                .map(|recipient| comparable(channel, recipient))
                .collect(),
        };
        let mut conn = store.connection().await?;
        n_new += store.within_deadline(import.execute(&mut conn)).await?;
    }
    Ok(n_new)
}

/// Takes a recipient off the list, for one reason or for all; returns those it was on it for.
///
/// # Errors
/// [`Error::Gone`] when it was on the list for none of them.
pub async fn lift(
    store: &Store,
    service_id: ServiceId,
    channel: Channel,
    recipient: &str,
    reason: Option<SuppressionReason>,
) -> Result<Vec<SuppressionReason>> {
    let reasons = reason.map_or_else(|| SuppressionReason::ALL.to_vec(), |reason| vec![reason]);
    let mut conn = store.connection().await?;
    let delete = diesel::delete(suppressions::table)
        .filter(suppressions::service_id.eq(service_id))
        .filter(suppressions::channel.eq(channel))
        .filter(suppressions::recipient.eq(comparable(channel, recipient)))
        .filter(suppressions::reason.eq_any(reasons))
        .returning(suppressions::reason);
    let mut lifted: Vec<SuppressionReason> =
        store.within_deadline(delete.get_results(&mut conn)).await?;
    if lifted.is_empty() {
        return Err(Error::Gone);
    }
    lifted.sort_unstable();
    Ok(lifted)
}

/// Puts the recipient of an e-mail on its service's list because they want no more. Doing it again
/// changes nothing.
///
/// # Errors
/// [`Error::Gone`] when the service has no such e-mail, or no longer.
pub async fn unsubscribe(
    store: &Store,
    service_id: ServiceId,
    notification_id: NotificationId,
) -> Result<()> {
    let unsubscribe = Unsubscribe {
        notification_id,
        service_id,
    };
    let mut conn = store.connection().await?;
    let found: Found = store
        .within_deadline(unsubscribe.get_result(&mut conn))
        .await?;
    if found.n_found == 0 {
        return Err(Error::Gone);
    }
    Ok(())
}
