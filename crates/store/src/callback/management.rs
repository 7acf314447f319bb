//! Callbacks as people manage them: registered, changed, rotated, removed, and what was told.

mod events;
mod replay;
mod secrets;

use carillon_core::id::{self, CallbackId, ServiceId};
use carillon_core::webhook::{CallbackKind, Pace};
use carillon_schema::service_callbacks;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{
    BigInt, Binary, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use serde::Serialize;

pub use events::{Attempt, Event, Progress, REACH, attempts, event, events};
pub use replay::{Which, replay};
pub use secrets::{retire_secret, rotate_secret};

use super::Credentials;
use crate::wake::{self, Channel};
use crate::{Error, Result, Store};

/// A registration as people see it: never its token or secrets.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, QueryableByName, Selectable, Serialize)]
#[diesel(table_name = service_callbacks)]
pub struct Callback {
    /// Its id.
    pub id: CallbackId,
    /// The tenant.
    pub service_id: ServiceId,
    /// What it is told.
    pub kind: CallbackKind,
    /// Where it is called.
    pub url: String,
    /// Whether it is called.
    pub active: bool,
    /// Why it is not: `gone` when the receiver said so, `switched-off` when somebody did.
    pub disabled_reason: Option<String>,
    /// Calls that failed in a row.
    pub n_failures: i32,
    /// Until when it is left alone after failures.
    pub paused_until: Option<DateTime<Utc>>,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When anything of it changed last.
    pub updated_at: DateTime<Utc>,
}

/// What a callback is registered with. Has no `Debug`: it holds secrets.
#[derive(Clone)]
pub struct NewCallback {
    /// The tenant.
    pub service_id: ServiceId,
    /// What it is to be told.
    pub kind: CallbackKind,
    /// Where it is called; vetted by the caller.
    pub url: String,
    /// The bearer token that calls carry.
    pub bearer_token: String,
    /// The secret that signs calls.
    pub secret: String,
}

/// What may be changed. Has no `Debug`: it may hold the token.
#[derive(Clone, Default)]
pub struct Changes {
    /// Where it is called; vetted by the caller.
    pub url: Option<String>,
    /// The bearer token.
    pub bearer_token: Option<String>,
    /// Whether it is called. Setting it forgets failures and why it was not called.
    pub active: Option<bool>,
}

/// How far the telling is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, diesel::QueryableByName, Serialize)]
pub struct Health {
    /// Events that wait for their time, for an attempt or for the end of a pause.
    #[diesel(sql_type = BigInt)]
    pub n_waiting: i64,
    /// Since when the oldest of them might have been told.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub oldest_due_at: Option<DateTime<Utc>>,
    /// Events on their way.
    #[diesel(sql_type = BigInt)]
    pub n_on_their_way: i64,
}

statement! {
    ReadHealth = "management/health.sql" { callback_id: CallbackId => SqlUuid }
}

statement! {
    Update = "management/update.sql" {
        id: CallbackId => SqlUuid,
        service_id: ServiceId => SqlUuid,
        url: Option<String> => Nullable<Text>,
        sealed_token: Option<Vec<u8>> => Nullable<Binary>,
        active: Option<bool> => Nullable<Bool>,
        unknown_ms: i32 => Integer,
    }
}

/// Registers a callback. The token and the secret are sealed and never shown again.
///
/// # Errors
/// [`Error::Conflict`] when the service has one of this kind; [`Error::Gone`] when it does not
/// exist; [`Error::Seal`] when there is no key to seal with.
pub async fn create(store: &Store, new: &NewCallback) -> Result<Callback> {
    let callback_id = CallbackId(id::mint());
    let token = seal_token(store, callback_id, &new.bearer_token)?;
    let secrets = secrets::seal(store, callback_id, std::slice::from_ref(&new.secret))?;
    let insert = diesel::insert_into(service_callbacks::table)
        .values((
            service_callbacks::id.eq(callback_id),
            service_callbacks::service_id.eq(new.service_id),
            service_callbacks::kind.eq(new.kind),
            service_callbacks::url.eq(&new.url),
            service_callbacks::sealed_token.eq(token),
            service_callbacks::sealed_secrets.eq(secrets),
        ))
        .returning(Callback::as_returning());
    let mut conn = store.connection().await?;
    store.within_deadline(insert.get_result(&mut conn)).await
}

/// A service's callbacks, by kind.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn list(store: &Store, service_id: ServiceId) -> Result<Vec<Callback>> {
    let select = service_callbacks::table
        .filter(service_callbacks::service_id.eq(service_id))
        .order(service_callbacks::kind)
        .select(Callback::as_select());
    let mut conn = store.connection().await?;
    store.within_deadline(select.load(&mut conn)).await
}

/// Reads a callback.
///
/// # Errors
/// [`Error::Gone`] when the service has no such callback.
pub async fn read(store: &Store, service_id: ServiceId, id: CallbackId) -> Result<Callback> {
    let select = service_callbacks::table
        .find(id)
        .filter(service_callbacks::service_id.eq(service_id))
        .select(Callback::as_select());
    let mut conn = store.connection().await?;
    store.within_deadline(select.first(&mut conn)).await
}

/// What a test call proves itself with.
///
/// # Errors
/// [`Error::Gone`] when the service has no such callback; [`Error::Seal`] when no key opens it.
pub async fn credentials(
    store: &Store,
    service_id: ServiceId,
    id: CallbackId,
) -> Result<Credentials> {
    let select = service_callbacks::table
        .find(id)
        .filter(service_callbacks::service_id.eq(service_id))
        .select((
            service_callbacks::sealed_token,
            service_callbacks::sealed_secrets,
        ));
    let mut conn = store.connection().await?;
    let (token, secrets): (Vec<u8>, Vec<u8>) =
        store.within_deadline(select.first(&mut conn)).await?;
    let token = store.sealer().open(id.0.as_bytes(), &token)?;
    Ok(Credentials {
        token: String::from_utf8(token).map_err(|_| secrets::unreadable())?,
        secrets: secrets::open(store, id, &secrets)?,
    })
}

/// Changes a callback. Another URL or a new start begins without the failures of the old one, at
/// once.
///
/// # Errors
/// [`Error::Gone`] when the service has no such callback; [`Error::Seal`] when there is no key to
/// seal a new token with.
pub async fn update(
    store: &Store,
    service_id: ServiceId,
    id: CallbackId,
    changes: &Changes,
) -> Result<Callback> {
    let Changes {
        url,
        bearer_token,
        active,
    } = changes;
    let sealed_token = match bearer_token {
        None => None,
        Some(token) => Some(seal_token(store, id, token)?),
    };
    let update = Update {
        id,
        service_id,
        url: url.clone(),
        sealed_token,
        active: *active,
        unknown_ms: Pace::UNKNOWN.call_ms.cast_signed(),
    };
    let mut conn = store.connection().await?;
    let callback = store.within_deadline(update.get_result(&mut conn)).await?;
    // Before another is taken, which may be the same.
    drop(conn);
    // What waited need not wait longer; a lost notification costs an interval of the poller.
    let _ = wake::notify(store, Channel::CallbackEvents).await;
    Ok(callback)
}

/// Removes a callback. What it was told stays on record; what it was not is never told: what waits
/// is [swept](super::drop_unwanted), and what is on its way ends when it comes to a worker.
///
/// # Errors
/// [`Error::Gone`] when the service has no such callback.
pub async fn remove(store: &Store, service_id: ServiceId, id: CallbackId) -> Result<()> {
    let mut conn = store.connection().await?;
    let delete = diesel::delete(service_callbacks::table.find(id))
        .filter(service_callbacks::service_id.eq(service_id));
    match store.within_deadline(delete.execute(&mut conn)).await? {
        0 => Err(Error::Gone),
        _ => Ok(()),
    }
}

/// How far the telling of a callback is.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn health(store: &Store, callback_id: CallbackId) -> Result<Health> {
    let mut conn = store.connection().await?;
    let read = ReadHealth { callback_id };
    store.within_deadline(read.get_result(&mut conn)).await
}

fn seal_token(store: &Store, id: CallbackId, token: &str) -> Result<Vec<u8>> {
    Ok(store.sealer().seal(id.0.as_bytes(), token.as_bytes())?)
}

diesel::define_sql_function! {
    /// The database's clock.
    fn carillon_now() -> diesel::sql_types::Timestamptz;
}
