//! Services, with their senders and safelists.

use carillon_core::channel::Channel;
use carillon_core::id::{SenderId, ServiceId, mint};
use carillon_core::service::{Sender, Service};
use carillon_schema::{service_safelist, service_senders, services};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};

use crate::{Result, Store};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = services)]
struct ServiceRow {
    id: ServiceId,
    name: String,
    active: bool,
    restricted: bool,
    high_volume: bool,
    region: String,
    email_from: String,
    channels: Vec<Channel>,
    one_click_unsubscribe: bool,
    email_retention_days: i32,
    sms_retention_days: i32,
    rate_limit: Option<i32>,
    email_daily_limit: Option<i32>,
    sms_daily_limit: Option<i32>,
    email_braked_at: Option<DateTime<Utc>>,
}

impl From<ServiceRow> for Service {
    fn from(row: ServiceRow) -> Self {
        let ServiceRow {
            id,
            name,
            active,
            restricted,
            high_volume,
            region,
            email_from,
            channels,
            one_click_unsubscribe,
            email_retention_days,
            sms_retention_days,
            rate_limit,
            email_daily_limit,
            sms_daily_limit,
            email_braked_at,
        } = row;
        Self {
            id,
            name,
            active,
            restricted,
            high_volume,
            region,
            email_from,
            channels,
            one_click_unsubscribe,
            email_retention_days,
            sms_retention_days,
            rate_limit,
            email_daily_limit,
            sms_daily_limit,
            email_braked_at,
        }
    }
}

/// Creates a service with its default SMS sender, both or neither.
///
/// # Errors
/// [`crate::Error::Conflict`] when one of this name exists.
pub async fn create(store: &Store, service: &Service, sms_sender: &str) -> Result<()> {
    let Service {
        id,
        name,
        active,
        restricted,
        high_volume,
        region,
        email_from,
        channels,
        one_click_unsubscribe,
        email_retention_days,
        sms_retention_days,
        rate_limit,
        email_daily_limit,
        sms_daily_limit,
        email_braked_at,
    } = service.clone();
    let row = ServiceRow {
        id,
        name,
        active,
        restricted,
        high_volume,
        region,
        email_from,
        channels,
        one_click_unsubscribe,
        email_retention_days,
        sms_retention_days,
        rate_limit,
        email_daily_limit,
        sms_daily_limit,
        email_braked_at,
    };
    let insert = diesel::insert_into(services::table).values(row);
    let sender = AddSender {
        id: SenderId(mint()),
        service_id: id,
        channel: Channel::Sms,
        value: sms_sender.to_owned(),
        is_default: true,
    };
    let mut conn = store.connection().await?;
    let both = conn.transaction::<_, diesel::result::Error, _>(async |conn| {
        insert.execute(conn).await?;
        sender.execute(conn).await
    });
    store.within_deadline(both).await?;
    Ok(())
}

/// Reads a service.
///
/// # Errors
/// [`crate::Error::Gone`] when there is none.
pub async fn read(store: &Store, id: ServiceId) -> Result<Service> {
    let mut conn = store.connection().await?;
    let select = services::table.find(id).select(ServiceRow::as_select());
    let row: ServiceRow = store.within_deadline(select.first(&mut conn)).await?;
    Ok(row.into())
}

/// Every service, by name.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn list(store: &Store) -> Result<Vec<Service>> {
    let mut conn = store.connection().await?;
    let select = services::table
        .order(services::name)
        .select(ServiceRow::as_select());
    let rows: Vec<ServiceRow> = store.within_deadline(select.load(&mut conn)).await?;
    Ok(rows.into_iter().map(Service::from).collect())
}

/// What a platform administrator may change of a service.
#[derive(Debug, Clone, Default, AsChangeset)]
#[diesel(table_name = services)]
pub struct Changes {
    /// Whether it may send.
    pub active: Option<bool>,
    /// Whether it is on trial.
    pub restricted: Option<bool>,
    /// Whether its inbox is apart.
    pub high_volume: Option<bool>,
    /// Whether its e-mail gets our own unsubscribe link.
    pub one_click_unsubscribe: Option<bool>,
    /// How long its e-mail jobs are kept.
    pub email_retention_days: Option<i32>,
    /// How long its jobs of text messages are kept.
    pub sms_retention_days: Option<i32>,
    /// How many requests it may make in a minute; the inner none is as the settings say.
    pub rate_limit: Option<Option<i32>>,
    /// How many e-mails it may send in a day.
    pub email_daily_limit: Option<Option<i32>>,
    /// How many text messages it may send in a day.
    pub sms_daily_limit: Option<Option<i32>>,
}

/// Changes a service.
///
/// # Errors
/// [`crate::Error::Gone`] when there is none.
pub async fn update(store: &Store, id: ServiceId, changes: &Changes) -> Result<Service> {
    let Changes {
        active,
        restricted,
        high_volume,
        one_click_unsubscribe,
        email_retention_days,
        sms_retention_days,
        rate_limit,
        email_daily_limit,
        sms_daily_limit,
    } = changes;
    let switches = [active, restricted, high_volume, one_click_unsubscribe];
    let days = [email_retention_days, sms_retention_days];
    let limits = [rate_limit, email_daily_limit, sms_daily_limit];
    let has_switch = switches.iter().any(|switch| switch.is_some());
    let has_number =
        days.iter().any(|days| days.is_some()) || limits.iter().any(|limit| limit.is_some());
    if !has_switch && !has_number {
        return read(store, id).await;
    }
    let mut conn = store.connection().await?;
    let update = diesel::update(services::table.find(id))
        .set(changes.clone())
        .returning(ServiceRow::as_returning());
    let row: ServiceRow = store.within_deadline(update.get_result(&mut conn)).await?;
    Ok(row.into())
}

statement! {
    AddSender = "service/add_sender.sql" {
        id: SenderId => SqlUuid,
        service_id: ServiceId => SqlUuid,
        channel: Channel => Text,
        value: String => Text,
        is_default: bool => Bool,
    }
}

/// Adds a reply-to address or SMS sender; a new default takes the place of the old one.
///
/// # Errors
/// [`crate::Error::Conflict`] when the service has this value already.
pub async fn add_sender(
    store: &Store,
    service_id: ServiceId,
    channel: Channel,
    value: &str,
    is_default: bool,
) -> Result<SenderId> {
    let sender_id = SenderId(mint());
    let add = AddSender {
        id: sender_id,
        service_id,
        channel,
        value: value.to_owned(),
        is_default,
    };
    let mut conn = store.connection().await?;
    store.within_deadline(add.execute(&mut conn)).await?;
    Ok(sender_id)
}

/// A service's reply-to addresses and SMS senders.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn senders(store: &Store, service_id: ServiceId) -> Result<Vec<Sender>> {
    let mut conn = store.connection().await?;
    let select = service_senders::table
        .filter(service_senders::service_id.eq(service_id))
        .order(service_senders::id)
        .select((
            service_senders::id,
            service_senders::channel,
            service_senders::value,
            service_senders::is_default,
        ));
    let rows: Vec<(SenderId, Channel, String, bool)> =
        store.within_deadline(select.load(&mut conn)).await?;
    Ok(rows
        .into_iter()
        .map(|(id, channel, value, is_default)| Sender {
            id,
            channel,
            value,
            is_default,
        })
        .collect())
}

/// Adds recipients to the safelist; those on it already stay.
///
/// # Errors
/// [`crate::Error::Gone`] when the service does not exist.
pub async fn extend_safelist(
    store: &Store,
    service_id: ServiceId,
    recipients: &[(Channel, String)],
) -> Result<()> {
    let rows: Vec<_> = recipients
        .iter()
        .map(|(channel, recipient)| {
            (
                service_safelist::service_id.eq(service_id),
                service_safelist::channel.eq(*channel),
                service_safelist::normalised_recipient.eq(recipient.clone()),
            )
        })
        .collect();
    let mut conn = store.connection().await?;
    let insert = diesel::insert_into(service_safelist::table)
        .values(rows)
        .on_conflict_do_nothing();
    store.within_deadline(insert.execute(&mut conn)).await?;
    Ok(())
}

/// The recipients on a service's safelist, in their normal form.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn safelist(store: &Store, service_id: ServiceId) -> Result<Vec<(Channel, String)>> {
    let mut conn = store.connection().await?;
    let select = service_safelist::table
        .filter(service_safelist::service_id.eq(service_id))
        .select((
            service_safelist::channel,
            service_safelist::normalised_recipient,
        ));
    store.within_deadline(select.load(&mut conn)).await
}
