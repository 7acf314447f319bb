//! Saving accepted notifications in batches.

use std::collections::BTreeSet;

use carillon_core::api_key::KeyType;
use carillon_core::channel::Channel;
use carillon_core::id::{ApiKeyId, NotificationId, ServiceId, TemplateId};
use carillon_core::lane::Lane;
use carillon_core::queue::Queue;
use carillon_core::reason::Reason;
use carillon_core::task::SaveNotification;
use chrono::{DateTime, NaiveDate, Utc};
use diesel::result::QueryResult;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use crate::{Error, Result, Store};

statement! {
    Save = "save.sql" {
        ids: Vec<NotificationId> => Array<Uuid>,
        service_ids: Vec<ServiceId> => Array<Uuid>,
        template_ids: Vec<TemplateId> => Array<Uuid>,
        api_key_ids: Vec<Option<ApiKeyId>> => Array<Nullable<Uuid>>,
        template_versions: Vec<i32> => Array<Integer>,
        channels: Vec<Channel> => Array<Text>,
        lanes: Vec<Lane> => Array<Text>,
        key_types: Vec<KeyType> => Array<Text>,
        queues: Vec<Queue> => Array<Text>,
        recipients: Vec<String> => Array<Text>,
        normalised_recipients: Vec<String> => Array<Text>,
        references: Vec<Option<String>> => Array<Nullable<Text>>,
        senders: Vec<Option<String>> => Array<Nullable<Text>>,
        unsubscribe_urls: Vec<Option<String>> => Array<Nullable<Text>>,
        scheduled_for: Vec<Option<DateTime<Utc>>> => Array<Nullable<Timestamptz>>,
        created_at: Vec<DateTime<Utc>> => Array<Timestamptz>,
        personalisations: Vec<Value> => Array<Jsonb>,
        trace_ids: Vec<Option<uuid::Uuid>> => Array<Nullable<Uuid>>,
        trace_spans: Vec<Option<i64>> => Array<Nullable<BigInt>>,
        wait_reason: Option<Reason> => Nullable<Text>,
    }
}

/// Saves a batch in one transaction and returns how many were new; ids that are there already are
/// left as they are. Makes missing partitions of the ids' days first if need be.
///
/// With `wait_reason` the rows wait, due at once, for the poller to relay them; without it they are
/// on their way and the caller must publish all of the batch's ids, new or not.
///
/// # Errors
/// [`Error::Refused`] when PostgreSQL will never take one of the values; nothing is saved then.
pub async fn save(
    store: &Store,
    batch: &[SaveNotification],
    wait_reason: Option<Reason>,
) -> Result<usize> {
    match insert(store, batch, wait_reason).await {
        Err(Error::NoPartition) => {
            for day in days(batch) {
                crate::partition::ensure_day(store, day).await?;
            }
            insert(store, batch, wait_reason).await
        }
        result => result,
    }
}

async fn insert(
    store: &Store,
    batch: &[SaveNotification],
    wait_reason: Option<Reason>,
) -> Result<usize> {
    let mut conn = store.connection().await?;
    let saved = save_on(&mut conn, batch, wait_reason);
    store.within_deadline(saved).await
}

/// [`save`] as part of a transaction, and without making partitions.
pub(crate) async fn save_on(
    conn: &mut AsyncPgConnection,
    batch: &[SaveNotification],
    wait_reason: Option<Reason>,
) -> QueryResult<usize> {
    fn column<T>(batch: &[SaveNotification], of: impl Fn(&SaveNotification) -> T) -> Vec<T> {
        batch.iter().map(of).collect()
    }
    let save = Save {
        ids: column(batch, |n| n.id),
        service_ids: column(batch, |n| n.service_id),
        template_ids: column(batch, |n| n.template_id),
        api_key_ids: column(batch, |n| n.api_key_id),
        template_versions: column(batch, |n| n.template_version),
        channels: column(batch, |n| n.channel),
        lanes: column(batch, |n| n.lane),
        key_types: column(batch, |n| n.key_type),
        queues: column(batch, SaveNotification::delivery_queue),
        recipients: column(batch, |n| n.recipient.clone()),
        normalised_recipients: column(batch, |n| n.normalised_recipient.clone()),
        references: column(batch, |n| n.reference.clone()),
        senders: column(batch, |n| n.sender.clone()),
        unsubscribe_urls: column(batch, |n| n.unsubscribe_url.clone()),
        scheduled_for: column(batch, |n| n.scheduled_for),
        created_at: column(batch, |n| n.created_at),
        personalisations: column(batch, |n| Value::Object(n.personalisation.clone())),
        trace_ids: column(batch, |n| n.trace.map(|trace| trace.trace_id_bytes())),
        trace_spans: column(batch, |n| n.trace.and_then(super::trace::span_to_keep)),
        wait_reason,
    };
    save.execute(conn).await
}

/// The days whose partitions a batch needs.
pub(crate) fn days<'a>(
    batch: impl IntoIterator<Item = &'a SaveNotification>,
) -> BTreeSet<NaiveDate> {
    batch.into_iter().filter_map(|n| n.id.day()).collect()
}
