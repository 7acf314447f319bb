//! The secrets that sign calls: at most two are live, so that a receiver can change over.

use carillon_core::id::{CallbackId, ServiceId};
use carillon_schema::service_callbacks;
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};

use super::{Callback, carillon_now};
use crate::{Error, Result, Store};

/// Secrets that sign at the same time.
const LIVE: usize = 2;

/// Makes a secret the one that signs first. The one before it goes on signing until the next
/// rotation, or until it is [retired](retire_secret).
///
/// # Errors
/// [`Error::Gone`] when the service has no such callback; [`Error::Seal`] when the old secrets do
/// not open or there is no key to seal with.
pub async fn rotate_secret(
    store: &Store,
    service_id: ServiceId,
    id: CallbackId,
    secret: &str,
) -> Result<Callback> {
    change(store, service_id, id, |secrets| {
        secrets.insert(0, secret.to_owned());
        secrets.truncate(LIVE);
    })
    .await
}

/// Ends the overlap after a rotation: only the newest secret signs. Doing it again changes nothing.
///
/// # Errors
/// As of [`rotate_secret`].
pub async fn retire_secret(
    store: &Store,
    service_id: ServiceId,
    id: CallbackId,
) -> Result<Callback> {
    change(store, service_id, id, |secrets| secrets.truncate(1)).await
}

async fn change(
    store: &Store,
    service_id: ServiceId,
    id: CallbackId,
    change: impl Fn(&mut Vec<String>) + Send + Sync,
) -> Result<Callback> {
    let mut conn = store.connection().await?;
    // Locked in between: of two rotations at a time neither may lose its secret.
    let changed = conn.transaction::<_, Error, _>(async |conn| {
        let row = service_callbacks::table
            .find(id)
            .filter(service_callbacks::service_id.eq(service_id));
        let sealed: Vec<u8> = row
            .select(service_callbacks::sealed_secrets)
            .for_update()
            .first(conn)
            .await?;
        let mut secrets = open(store, id, &sealed)?;
        change(&mut secrets);
        let changed = diesel::update(service_callbacks::table.find(id))
            .set((
                service_callbacks::sealed_secrets.eq(seal(store, id, &secrets)?),
                service_callbacks::updated_at.eq(carillon_now()),
            ))
            .returning(Callback::as_returning())
            .get_result(conn)
            .await?;
        Ok(changed)
    });
    store.within_deadline(changed).await
}

pub(super) fn seal(store: &Store, id: CallbackId, secrets: &[String]) -> Result<Vec<u8>> {
    let json = serde_json::to_vec(secrets).map_err(|_| unreadable())?;
    Ok(store.sealer().seal(id.0.as_bytes(), &json)?)
}

pub(super) fn open(store: &Store, id: CallbackId, sealed: &[u8]) -> Result<Vec<String>> {
    let json = store.sealer().open(id.0.as_bytes(), sealed)?;
    serde_json::from_slice(&json).map_err(|_| unreadable())
}

pub(super) fn unreadable() -> Error {
    Error::Refused("a callback's token or secrets are no text".to_owned())
}
