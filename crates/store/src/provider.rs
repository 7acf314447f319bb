//! Provider settings: which providers deliver a channel, how they came to be so, and how fast they are.

mod balance;
mod change;
mod history;

use carillon_core::channel::Channel;
use carillon_core::provider::changes::Current;
use carillon_core::provider::share::Share;
use carillon_core::provider::{Credentials, ProviderKind, ProviderSettings, ProviderSpec};
use carillon_schema::providers;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};

pub use balance::{n_with_it, reweigh, speeds};
pub use change::{create, create_alone, remove, update};
pub use history::{By, Change, history};

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
    /// Its share as an operator set it; balancing moves `weight` away from it and back.
    pub resting_weight: i32,
    /// The most calls per second of all processes together; none is no limit.
    pub rate_per_second: Option<i32>,
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
            "weight": self.weight, "resting_weight": self.resting_weight,
            "rate_per_second": self.rate_per_second, "settings": self.settings,
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
            resting_weight: self.resting_weight,
            rate_per_second: self.rate_per_second,
            settings: &self.settings,
            has_credentials: self.has_credentials(),
        }
    }

    /// Whether a client of the other would do for this one: with another share or rate a provider keeps
    /// its connections, and what is known of it.
    #[must_use]
    pub fn has_client_of(&self, other: &Self) -> bool {
        let of = |one: &Self| (one.kind, one.channel, one.sealed_credentials.clone());
        of(self) == of(other) && self.settings == other.settings
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
            rate_per_second: self.rate_per_second,
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

diesel::define_sql_function! {
    /// The database's clock.
    fn carillon_now() -> diesel::sql_types::Timestamptz;
}
