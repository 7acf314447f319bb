//! Reading notifications: by id, and a service's pages.

use carillon_core::api_key::KeyType;
use carillon_core::channel::Channel;
use carillon_core::id::{NotificationId, ServiceId, TemplateId};
use carillon_core::notification::Status;
use chrono::{DateTime, Utc};
use diesel::sql_types::{
    Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use crate::{Result, Store};

statement! {
    ReadMany = "read_many.sql" {
        ids: Vec<NotificationId> => Array<SqlUuid>,
        lowest: NotificationId => SqlUuid,
        highest: NotificationId => SqlUuid,
    }
}

statement! {
    ReadPage = "read_page.sql" {
        service_id: ServiceId => SqlUuid,
        key_type: KeyType => Text,
        older_than: NotificationId => SqlUuid,
        statuses: Option<Vec<Status>> => Nullable<Array<Text>>,
        channels: Option<Vec<Channel>> => Nullable<Array<Text>>,
        include_jobs: bool => Bool,
        limit: i64 => BigInt,
    }
}

statement! {
    ReadPageByReference = "read_page_by_reference.sql" {
        service_id: ServiceId => SqlUuid,
        key_type: KeyType => Text,
        older_than: NotificationId => SqlUuid,
        statuses: Option<Vec<Status>> => Nullable<Array<Text>>,
        channels: Option<Vec<Channel>> => Nullable<Array<Text>>,
        include_jobs: bool => Bool,
        hashed: String => Text,
        reference: String => Text,
        limit: i64 => BigInt,
    }
}

/// A notification as its service reads it.
#[derive(Clone, PartialEq, diesel::QueryableByName)]
pub struct Notification {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: NotificationId,
    /// The tenant.
    #[diesel(sql_type = SqlUuid)]
    pub service_id: ServiceId,
    /// The template.
    #[diesel(sql_type = SqlUuid)]
    pub template_id: TemplateId,
    /// Its version at accept.
    #[diesel(sql_type = Integer)]
    pub template_version: i32,
    /// The channel.
    #[diesel(sql_type = Text)]
    pub channel: Channel,
    /// The type of the key it was sent with.
    #[diesel(sql_type = Text)]
    pub key_type: KeyType,
    /// Where it stands.
    #[diesel(sql_type = Text)]
    pub status: Status,
    /// The recipient as given.
    #[diesel(sql_type = Text)]
    pub recipient: String,
    /// The service's own reference.
    #[diesel(sql_type = Nullable<Text>)]
    pub reference: Option<String>,
    /// The reply-to address or SMS sender.
    #[diesel(sql_type = Nullable<Text>)]
    pub sender: Option<String>,
    /// RFC 8058 one-click unsubscribe URL.
    #[diesel(sql_type = Nullable<Text>)]
    pub unsubscribe_url: Option<String>,
    /// When it was to be sent.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub scheduled_for: Option<DateTime<Utc>>,
    /// When it was accepted.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When a provider took it.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub sent_at: Option<DateTime<Utc>>,
    /// When its status became final.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub completed_at: Option<DateTime<Utc>>,
    /// The values.
    #[diesel(sql_type = Jsonb)]
    pub personalisation: Value,
    /// The trace of the request that made it, as 16 bytes; none for what is older than traces.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub trace_id: Option<uuid::Uuid>,
}

/// What a page holds.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only these statuses.
    pub statuses: Option<Vec<Status>>,
    /// Only these channels.
    pub channels: Option<Vec<Channel>>,
    /// Only this reference of the service.
    pub reference: Option<String>,
    /// Also rows of jobs.
    pub include_jobs: bool,
    /// Only what is older than this id.
    pub older_than: Option<NotificationId>,
}

/// Reads the notifications with these ids, of any tenant: the caller compares the service. One
/// statement serves many waiting readers.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn read_many(store: &Store, ids: &[NotificationId]) -> Result<Vec<Notification>> {
    let (Some(lowest), Some(highest)) = (ids.iter().min(), ids.iter().max()) else {
        return Ok(Vec::new());
    };
    let read = ReadMany {
        ids: ids.to_vec(),
        lowest: *lowest,
        highest: *highest,
    };
    let mut conn = store.connection().await?;
    store.within_deadline(read.load(&mut conn)).await
}

/// A page of a service's notifications of one key type, newest first.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn read_page(
    store: &Store,
    service_id: ServiceId,
    key_type: KeyType,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Notification>> {
    let older_than = filter
        .older_than
        .unwrap_or(NotificationId(uuid::Uuid::max()));
    let Filter {
        statuses,
        channels,
        include_jobs,
        ..
    } = filter.clone();
    let mut conn = store.connection().await?;
    match filter.reference.clone() {
        None => {
            let page = ReadPage {
                service_id,
                key_type,
                older_than,
                statuses,
                channels,
                include_jobs,
                limit,
            };
            store.within_deadline(page.load(&mut conn)).await
        }
        Some(reference) => {
            let page = ReadPageByReference {
                service_id,
                key_type,
                older_than,
                statuses,
                channels,
                include_jobs,
                hashed: reference.clone(),
                reference,
                limit,
            };
            store.within_deadline(page.load(&mut conn)).await
        }
    }
}
