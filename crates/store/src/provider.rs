//! Provider settings: which providers deliver a channel.

use carillon_core::channel::Channel;
use carillon_core::provider::changes::{Changed, CredentialsChange, Current};
use carillon_core::provider::share::Share;
use carillon_core::provider::{Credentials, ProviderKind, ProviderSettings, ProviderSpec};
use carillon_schema::providers;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::{Value, json};

use crate::seal::SealError;
use crate::{Error, Result, Store};

/// A configured provider, its credentials still sealed.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = providers)]
pub struct Provider {
    /// Its name, as on timelines and in metrics.
    pub name: String,
    /// What it is.
    pub kind: ProviderKind,
    /// The channel it delivers.
    pub channel: Channel,
    /// Whether it takes messages.
    pub active: bool,
    /// Its share among the channel's providers, 0 to 100.
    pub weight: i32,
    /// Settings of its kind, as they are shown.
    pub settings: Value,
    /// When anything of it changed last.
    pub updated_at: DateTime<Utc>,
    sealed_credentials: Option<Vec<u8>>,
}

impl Provider {
    /// Whether it has credentials of its own.
    #[must_use]
    pub const fn has_credentials(&self) -> bool {
        self.sealed_credentials.is_some()
    }

    /// As it is shown: everything but its credentials.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name, "kind": self.kind, "channel": self.channel, "active": self.active,
            "weight": self.weight, "settings": self.settings,
            "has_credentials": self.has_credentials(), "updated_at": self.updated_at,
        })
    }

    /// As changes start from, its credentials unopened.
    #[must_use]
    pub fn current(&self) -> Current<'_> {
        Current {
            name: &self.name,
            kind: self.kind,
            channel: self.channel,
            active: self.active,
            weight: self.weight,
            settings: &self.settings,
            has_credentials: self.has_credentials(),
        }
    }

    /// Reads its settings and opens its credentials.
    ///
    /// # Errors
    /// [`Error::Seal`] when the credentials do not open with the configured keys;
    /// [`Error::Refused`] when the settings are not those of its kind, as after a downgrade.
    pub fn open(&self, store: &Store) -> Result<ProviderSpec> {
        let settings = ProviderSettings::read(self.kind, &self.settings).map_err(Error::Refused)?;
        let credentials = match &self.sealed_credentials {
            None => None,
            Some(sealed) => {
                let opened = store.sealer().open(self.name.as_bytes(), sealed)?;
                let json = serde_json::from_slice(&opened).map_err(|_| SealError::DoesNotOpen)?;
                Some(Credentials::read(self.kind, &json).map_err(Error::Refused)?)
            }
        };
        Ok(ProviderSpec {
            name: self.name.clone(),
            channel: self.channel,
            active: self.active,
            weight: self.weight,
            settings,
            credentials,
        })
    }
}

impl<'a> From<&'a Provider> for Share<'a> {
    fn from(provider: &'a Provider) -> Self {
        Self {
            name: &provider.name,
            kind: provider.kind,
            channel: provider.channel,
            active: provider.active,
            weight: provider.weight,
        }
    }
}

/// Every provider, by name.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn list(store: &Store) -> Result<Vec<Provider>> {
    let mut conn = store.connection().await?;
    let select = providers::table
        .order(providers::name)
        .select(Provider::as_select());
    store.within_deadline(select.load(&mut conn)).await
}

/// Reads a provider.
///
/// # Errors
/// [`Error::Gone`] when there is none of this name.
pub async fn read(store: &Store, name: &str) -> Result<Provider> {
    let mut conn = store.connection().await?;
    let select = providers::table.find(name).select(Provider::as_select());
    store.within_deadline(select.first(&mut conn)).await
}

/// Adds a provider.
///
/// # Errors
/// [`Error::Conflict`] when one of this name is there; [`Error::Seal`] when there are credentials
/// but no key to seal them with.
pub async fn create(store: &Store, spec: &ProviderSpec) -> Result<Provider> {
    let sealed = seal(store, &spec.name, spec.credentials.as_ref())?;
    let mut conn = store.connection().await?;
    store.within_deadline(insert(&mut conn, spec, sealed)).await
}

/// Adds a provider as the only active one of its channel, in one transaction: no message meets
/// both, or none. Returns it, and the names of those that were active before.
///
/// # Errors
/// As of [`create`].
pub async fn create_alone(store: &Store, spec: &ProviderSpec) -> Result<(Provider, Vec<String>)> {
    let sealed = seal(store, &spec.name, spec.credentials.as_ref())?;
    let mut conn = store.connection().await?;
    let both = conn.transaction(async |conn| {
        let others = providers::table
            .filter(providers::channel.eq(spec.channel))
            .filter(providers::active);
        let stopped: Vec<String> = diesel::update(others)
            .set((
                providers::active.eq(false),
                providers::updated_at.eq(carillon_now()),
            ))
            .returning(providers::name)
            .get_results(conn)
            .await?;
        let added = insert(conn, spec, sealed).await?;
        QueryResult::Ok((added, stopped))
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
            providers::settings.eq(spec.settings.to_json()),
            providers::sealed_credentials.eq(sealed),
        ))
        .returning(Provider::as_returning())
        .get_result(conn)
        .await
}

/// Makes a provider what it is to be, as `before` was read. Credentials that are kept are not
/// opened. Processes follow within seconds.
///
/// # Errors
/// [`Error::Changed`] when it has changed since it was read, and [`Error::Gone`] when it was removed;
/// [`Error::Seal`] when there are new credentials but no key to seal them with.
pub async fn update(store: &Store, before: &Provider, after: &Changed) -> Result<Provider> {
    let sealed = match &after.credentials {
        CredentialsChange::Keep => before.sealed_credentials.clone(),
        CredentialsChange::Remove => None,
        CredentialsChange::Set(credentials) => seal(store, &before.name, Some(credentials))?,
    };
    let mut conn = store.connection().await?;
    let update = diesel::update(providers::table.find(&before.name))
        .filter(providers::updated_at.eq(before.updated_at))
        .set((
            providers::active.eq(after.active),
            providers::weight.eq(after.weight),
            providers::settings.eq(after.settings.to_json()),
            providers::sealed_credentials.eq(sealed),
            providers::updated_at.eq(carillon_now()),
        ))
        .returning(Provider::as_returning());
    match store.within_deadline(update.get_result(&mut conn)).await {
        // Returned before the second look, which takes a connection of its own.
        Err(Error::Gone) => drop(conn),
        done => return done,
    }
    read(store, &before.name).await?;
    Err(Error::Changed)
}

/// Removes a provider. Messages that it delivered keep its name.
///
/// # Errors
/// [`Error::Gone`] when there is none of this name.
pub async fn remove(store: &Store, name: &str) -> Result<()> {
    let mut conn = store.connection().await?;
    let delete = diesel::delete(providers::table.find(name));
    match store.within_deadline(delete.execute(&mut conn)).await? {
        0 => Err(Error::Gone),
        _ => Ok(()),
    }
}

diesel::define_sql_function! {
    /// The database's clock.
    fn carillon_now() -> diesel::sql_types::Timestamptz;
}

fn seal(store: &Store, name: &str, credentials: Option<&Credentials>) -> Result<Option<Vec<u8>>> {
    let Some(credentials) = credentials else {
        return Ok(None);
    };
    let json = credentials.to_json().to_string();
    let sealed = store.sealer().seal(name.as_bytes(), json.as_bytes())?;
    Ok(Some(sealed))
}
