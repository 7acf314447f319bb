//! Adding, changing and removing providers; each change is noted with its reason.

use carillon_core::provider::changes::{Changed, CredentialsChange};
use carillon_core::provider::share::{Share, last_of};
use carillon_core::provider::{Credentials, ProviderSpec};
use carillon_schema::providers;
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};

use super::history::note;
use super::{By, Provider};
use crate::{Error, Result, Store};

/// Adds a provider.
///
/// # Errors
/// [`Error::Conflict`] when one of this name is there; [`Error::Seal`] when there are credentials
/// but no key to seal them with.
pub async fn create(store: &Store, spec: &ProviderSpec, by: By<'_>) -> Result<Provider> {
    let sealed = seal(store, &spec.name, spec.credentials.as_ref())?;
    let mut conn = store.connection().await?;
    let add = conn.transaction(async |conn| {
        let added = insert(conn, spec, sealed).await?;
        note(conn, by, None, Some(&added)).await?;
        Ok::<_, Error>(added)
    });
    store.within_deadline(add).await
}

/// Adds a provider as the only active one of its channel, in one transaction: no message meets
/// both, or none. Returns it, and the names of those that were active before.
///
/// # Errors
/// As of [`create`].
pub async fn create_alone(
    store: &Store,
    spec: &ProviderSpec,
    by: By<'_>,
) -> Result<(Provider, Vec<String>)> {
    let sealed = seal(store, &spec.name, spec.credentials.as_ref())?;
    let mut conn = store.connection().await?;
    let both = conn.transaction(async |conn| {
        let all = lock_all(conn).await?;
        let mut stopped = Vec::new();
        for other in all
            .iter()
            .filter(|one| one.active && one.channel == spec.channel)
        {
            let stop = diesel::update(providers::table.find(&other.name)).set((
                providers::active.eq(false),
                providers::updated_at.eq(super::carillon_now()),
            ));
            let after = stop
                .returning(Provider::as_returning())
                .get_result(conn)
                .await?;
            let reason = format!("{} was added as the only one of its channel", spec.name);
            let because = By {
                reason: Some(by.reason.unwrap_or(&reason)),
                ..by
            };
            note(conn, because, Some(other), Some(&after)).await?;
            stopped.push(after.name);
        }
        let added = insert(conn, spec, sealed).await?;
        note(conn, by, None, Some(&added)).await?;
        Ok::<_, Error>((added, stopped))
    });
    store.within_deadline(both).await
}

async fn insert(
    conn: &mut AsyncPgConnection,
    spec: &ProviderSpec,
    sealed: Option<Vec<u8>>,
) -> QueryResult<Provider> {
    diesel::insert_into(providers::table)
        .values((
            providers::name.eq(&spec.name),
            providers::kind.eq(spec.settings.kind()),
            providers::channel.eq(spec.channel),
            providers::active.eq(spec.active),
            providers::weight.eq(spec.weight),
            providers::resting_weight.eq(spec.weight),
            providers::rate_per_second.eq(spec.rate_per_second),
            providers::settings.eq(spec.settings.to_json()),
            providers::sealed_credentials.eq(sealed),
        ))
        .returning(Provider::as_returning())
        .get_result(conn)
        .await
}

/// Makes a provider what it is to be, as `before` was read. Credentials that are kept are not
/// opened. Processes follow within seconds. The last one that delivers its channel is taken out by
/// `force` only.
///
/// # Errors
/// [`Error::Changed`] when it has changed since it was read, and [`Error::Gone`] when it was removed;
/// [`Error::LastOfChannel`]; [`Error::Seal`] when there are new credentials but no key to seal them
/// with.
pub async fn update(
    store: &Store,
    before: &Provider,
    after: &Changed,
    by: By<'_>,
    force: bool,
) -> Result<Provider> {
    let sealed = match &after.credentials {
        CredentialsChange::Keep => before.sealed_credentials.clone(),
        CredentialsChange::Remove => None,
        CredentialsChange::Set(credentials) => seal(store, &before.name, Some(credentials))?,
    };
    let mut conn = store.connection().await?;
    let change = conn.transaction(async |conn| {
        let all = lock_all(conn).await?;
        let is = all.iter().find(|one| one.name == before.name);
        let is = is.ok_or(Error::Gone)?;
        if is.updated_at != before.updated_at {
            return Err(Error::Changed);
        }
        let stays = after.active && after.weight > 0;
        if !stays && !force {
            must_not_be_last(&is.name, &all)?;
        }
        let updated = diesel::update(providers::table.find(&before.name))
            .set((
                providers::active.eq(after.active),
                providers::weight.eq(after.weight),
                providers::resting_weight.eq(after.resting_weight),
                providers::rate_per_second.eq(after.rate_per_second),
                providers::settings.eq(after.settings.to_json()),
                providers::sealed_credentials.eq(sealed),
                providers::updated_at.eq(super::carillon_now()),
            ))
            .returning(Provider::as_returning())
            .get_result(conn)
            .await?;
        note(conn, by, Some(is), Some(&updated)).await?;
        Ok(updated)
    });
    store.within_deadline(change).await
}

/// Removes a provider. Messages that it delivered keep its name. The last one that delivers its
/// channel is removed by `force` only.
///
/// # Errors
/// [`Error::Gone`] when there is none of this name; [`Error::LastOfChannel`].
pub async fn remove(store: &Store, name: &str, by: By<'_>, force: bool) -> Result<()> {
    let mut conn = store.connection().await?;
    let removal = conn.transaction(async |conn| {
        let all = lock_all(conn).await?;
        let is = all.iter().find(|one| one.name == name).ok_or(Error::Gone)?;
        if !force {
            must_not_be_last(name, &all)?;
        }
        diesel::delete(providers::table.find(name))
            .execute(conn)
            .await?;
        note(conn, by, Some(is), None).await
    });
    store.within_deadline(removal).await
}

/// Every provider, locked: of two changes at the same time the second sees what the first made.
pub(super) async fn lock_all(conn: &mut AsyncPgConnection) -> QueryResult<Vec<Provider>> {
    providers::table
        .order(providers::name)
        .select(Provider::as_select())
        .for_update()
        .load(conn)
        .await
}

fn must_not_be_last(name: &str, all: &[Provider]) -> Result<()> {
    let shares: Vec<_> = all.iter().map(Share::from).collect();
    last_of(name, &shares).map_or(Ok(()), |channel| Err(Error::LastOfChannel(channel)))
}

fn seal(store: &Store, name: &str, credentials: Option<&Credentials>) -> Result<Option<Vec<u8>>> {
    let Some(credentials) = credentials else {
        return Ok(None);
    };
    let json = credentials.to_json().to_string();
    let sealed = store.sealer().seal(name.as_bytes(), json.as_bytes())?;
    Ok(Some(sealed))
}
