//! API keys: sealed at rest, shown once.

use carillon_core::api_key::{FullKey, KeyType};
use carillon_core::id::{self, ApiKeyId, ServiceId};
use carillon_schema::api_keys;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::{Error, Result, Store};

/// A key as authentication sees it. Has no `Debug`: it holds the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub key_type: KeyType,
    /// The secret that signs JWTs.
    pub secret: Uuid,
    /// When it was revoked, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = api_keys)]
struct ApiKeyRow {
    id: ApiKeyId,
    name: String,
    key_type: KeyType,
    sealed_secret: Vec<u8>,
    revoked_at: Option<DateTime<Utc>>,
}

/// Creates a key and returns its id and the full key string, which is never shown again.
///
/// # Errors
/// [`Error::Conflict`] when a live key of this name exists, [`Error::Gone`] when the service does
/// not.
pub async fn create(
    store: &Store,
    service_id: ServiceId,
    name: &str,
    key_type: KeyType,
) -> Result<(ApiKeyId, String)> {
    let key_id = ApiKeyId(id::mint());
    let full = FullKey {
        service_id,
        secret: Uuid::new_v4(),
    };
    let sealed = store
        .sealer()
        .seal(key_id.0.as_bytes(), full.secret.as_bytes())?;
    let mut conn = store.connection().await?;
    let insert = diesel::insert_into(api_keys::table).values((
        api_keys::id.eq(key_id),
        api_keys::service_id.eq(service_id),
        api_keys::name.eq(name),
        api_keys::key_type.eq(key_type),
        api_keys::sealed_secret.eq(sealed),
    ));
    store.within_deadline(insert.execute(&mut conn)).await?;
    Ok((key_id, full.text(name)))
}

/// Every key of a service, revoked ones too: they are told apart from unknown ones.
///
/// # Errors
/// When PostgreSQL is away or a secret does not open.
pub async fn of_service(store: &Store, service_id: ServiceId) -> Result<Vec<ApiKey>> {
    let mut conn = store.connection().await?;
    let select = api_keys::table
        .filter(api_keys::service_id.eq(service_id))
        .order(api_keys::id)
        .select(ApiKeyRow::as_select());
    let rows: Vec<ApiKeyRow> = store.within_deadline(select.load(&mut conn)).await?;
    rows.into_iter()
        .map(|row| {
            let secret = store
                .sealer()
                .open(row.id.0.as_bytes(), &row.sealed_secret)?;
            let secret =
                Uuid::from_slice(&secret).map_err(|_| crate::seal::SealError::DoesNotOpen)?;
            let ApiKeyRow {
                id,
                name,
                key_type,
                revoked_at,
                ..
            } = row;
            Ok(ApiKey {
                id,
                name,
                key_type,
                secret,
                revoked_at,
            })
        })
        .collect()
}

/// A key as people see it: never its secret.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, serde::Serialize)]
#[diesel(table_name = api_keys)]
pub struct Listed {
    /// Its id.
    pub id: ApiKeyId,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub key_type: KeyType,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Every key of a service, oldest first. Opens no secret, so it works when the encryption key is
/// lost.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn list(store: &Store, service_id: ServiceId) -> Result<Vec<Listed>> {
    let mut conn = store.connection().await?;
    let select = api_keys::table
        .filter(api_keys::service_id.eq(service_id))
        .order(api_keys::id)
        .select(Listed::as_select());
    store.within_deadline(select.load(&mut conn)).await
}

/// Revokes a key; revoking it again changes nothing.
///
/// # Errors
/// [`Error::Gone`] when the service has no such key.
pub async fn revoke(
    store: &Store,
    service_id: ServiceId,
    id: ApiKeyId,
    at: DateTime<Utc>,
) -> Result<()> {
    if !list(store, service_id)
        .await?
        .iter()
        .any(|key| key.id == id)
    {
        return Err(Error::Gone);
    }
    let mut conn = store.connection().await?;
    let update = diesel::update(api_keys::table.find(id))
        .filter(api_keys::service_id.eq(service_id))
        .filter(api_keys::revoked_at.is_null())
        .set(api_keys::revoked_at.eq(at));
    store.within_deadline(update.execute(&mut conn)).await?;
    Ok(())
}
