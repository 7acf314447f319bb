//! Relaying events whose wait is over.

use carillon_core::id::{CallbackEventId, CallbackId};
use carillon_core::queue::Queue;
use carillon_core::webhook::{OPENS_AFTER, Pace};
use carillon_schema::service_callbacks;
use diesel::prelude::*;
use diesel::sql_types::{Array, Integer, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};

use crate::{Error, Result, Store};

statement! {
    Due = "due.sql" { limit: i32 => Integer }
}

statement! {
    Relay = "relay.sql" {
        callbacks: Vec<CallbackId> => Array<SqlUuid>,
        n_max: i32 => Integer,
        slots: i32 => Integer,
        opens_after: i32 => Integer,
        widest: i32 => Integer,
        round_ms: i32 => Integer,
        slow_ms: i32 => Integer,
    }
}

/// The most events of one statement, over all callbacks: few enough for its time limit.
const BATCH: i32 = 5_000;

#[derive(diesel::QueryableByName)]
struct HasDue {
    #[diesel(sql_type = SqlUuid)]
    id: CallbackId,
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
/// most its [window](Pace::window) for so many `slots`, less what is on its way already. The caller
/// publishes them; if it cannot, it must [`hold`](super::hold::hold) them, and if it dies, the
/// rescue finds them. A callback that another poller is at is left to it.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn relay(store: &Store, slots: u32) -> Result<Vec<Relayed>> {
    let mut conn = store.connection().await?;
    let due: Vec<HasDue> = store
        .within_deadline(Due { limit: BATCH }.load(&mut conn))
        .await?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = due.into_iter().map(|callback| callback.id).collect();
    // First the locks, then a statement of its own that sees what their last holder has committed:
    // in one statement two pollers would fill the same room, and send two to find out after a pause.
    let relay = conn.transaction::<_, Error, _>(async |conn| {
        let callbacks: Vec<CallbackId> = service_callbacks::table
            .filter(service_callbacks::id.eq_any(ids))
            .order(service_callbacks::id)
            .select(service_callbacks::id)
            .for_no_key_update()
            .skip_locked()
            .load(conn)
            .await?;
        if callbacks.is_empty() {
            return Ok(Vec::new());
        }
        let relay = Relay {
            callbacks,
            n_max: BATCH,
            slots: slots.min(Pace::WIDEST).cast_signed(),
            opens_after: OPENS_AFTER.cast_signed(),
            widest: Pace::WIDEST.cast_signed(),
            round_ms: Pace::ROUND_MS.cast_signed(),
            slow_ms: Pace::SLOW_MS.cast_signed(),
        };
        Ok(relay.load(conn).await?)
    });
    store.within_deadline(relay).await
}
