//! Waking other processes: NOTIFY after the commit, and LISTEN.
//!
//! A notification says only that there is something to look at. It may be lost; whoever listens
//! looks at intervals too. In the transaction it would make commits wait for each other, so it is a
//! statement by itself, and [`notify()`]'s callers send few.

use diesel::sql_types::Text;
use diesel_async::pooled_connection::deadpool::Object;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures::{StreamExt, pin_mut};

use crate::{Error, Result, Store};

/// What there is to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Callback events were written.
    CallbackEvents,
}

impl Channel {
    const fn name(self) -> &'static str {
        match self {
            Self::CallbackEvents => "carillon_callback_events",
        }
    }

    const fn listen(self) -> &'static str {
        match self {
            Self::CallbackEvents => "LISTEN carillon_callback_events",
        }
    }
}

statement! {
    Notify = "wake/notify.sql" { channel: String => Text }
}

/// Wakes whoever listens.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn notify(store: &Store, channel: Channel) -> Result<()> {
    let mut conn = store.connection().await?;
    let notify = Notify {
        channel: channel.name().to_owned(),
    };
    store.within_deadline(notify.execute(&mut conn)).await?;
    Ok(())
}

/// Listens on a connection of its own and calls `wake` once at the start, for what was missed
/// before, and then at every notification, until the connection is lost. Behind a pooler that hands
/// a connection from one to another this hears nothing: give it a store that goes past it.
///
/// # Errors
/// When the connection cannot be made or is lost: never returns otherwise.
pub async fn listen(store: &Store, channel: Channel, wake: impl Fn()) -> Result<()> {
    // Taken out of the pool: it closes when dropped and is never handed to a statement.
    let mut conn: AsyncPgConnection = Object::take(store.connection().await?);
    let listening = diesel::sql_query(channel.listen());
    store.within_deadline(listening.execute(&mut conn)).await?;
    wake();
    let notifications = conn.notifications_stream();
    pin_mut!(notifications);
    while let Some(notification) = notifications.next().await {
        notification?;
        wake();
    }
    Err(Error::Unavailable(
        "the connection that listened is closed".to_owned(),
    ))
}
