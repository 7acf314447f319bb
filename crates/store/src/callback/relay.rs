//! Relaying events whose wait is over.

use carillon_core::id::{CallbackEventId, CallbackId};
use carillon_core::queue::Queue;
use carillon_core::webhook::OPENS_AFTER;
use diesel::sql_types::{Integer, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    Relay = "relay.sql" { window: i32 => Integer, opens_after: i32 => Integer }
}

/// An event that was put on its way and is to be published to its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, diesel::QueryableByName)]
pub struct Relayed {
    /// The event.
    #[diesel(sql_type = SqlUuid)]
    pub id: CallbackEventId,
    /// Whose it is.
    #[diesel(sql_type = SqlUuid)]
    pub callback_id: CallbackId,
    /// Where to publish it.
    #[diesel(sql_type = Text)]
    pub queue: Queue,
}

/// Puts due events on their way and returns them: of each active callback that is not paused at
/// most `window` less what is on its way already. The caller publishes them; if it cannot, it must
/// [`hold`](super::hold::hold) them, and if it dies, the rescue finds them.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn relay(store: &Store, window: u32) -> Result<Vec<Relayed>> {
    let mut conn = store.connection().await?;
    let relay = Relay {
        window: i32::try_from(window).unwrap_or(i32::MAX),
        opens_after: OPENS_AFTER.cast_signed(),
    };
    store.within_deadline(relay.load(&mut conn)).await
}
