//! Provider settings: which providers deliver a channel.

use carillon_core::channel::Channel;
use carillon_schema::providers;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

/// A configured provider.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = providers)]
pub struct Provider {
    /// Its name, as on timelines and in metrics.
    pub name: String,
    /// What it is: `sandbox`.
    pub kind: String,
    /// The channel it delivers.
    pub channel: Channel,
    /// Whether it takes messages.
    pub active: bool,
    /// Its share among the channel's providers, 0 to 100.
    pub weight: i32,
}

/// Every provider.
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

/// Adds a provider, or sets an existing one of this name.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn put(store: &Store, provider: &Provider) -> Result<()> {
    let mut conn = store.connection().await?;
    let insert = diesel::insert_into(providers::table)
        .values(provider.clone())
        .on_conflict(providers::name)
        .do_update()
        .set((
            providers::active.eq(provider.active),
            providers::weight.eq(provider.weight),
        ));
    store.within_deadline(insert.execute(&mut conn)).await?;
    Ok(())
}
