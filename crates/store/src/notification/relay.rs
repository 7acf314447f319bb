//! Relaying rows whose wait is over.

use carillon_core::channel::Channel;
use carillon_core::id::{NotificationId, ServiceId};
use carillon_core::queue::Queue;
use carillon_core::reason::Reason;
use carillon_core::task::deliver::Deliverable;
use diesel::sql_types::{Array, BigInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    Relay = "relay.sql" { queues: Vec<Queue> => Array<Text>, limit: i64 => BigInt, retry_reasons: Vec<Reason> => Array<Text> }
}

/// A row that was put on its way and is to be published to its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, diesel::QueryableByName)]
pub struct Relayed {
    /// The notification.
    #[diesel(sql_type = SqlUuid)]
    pub id: NotificationId,
    /// Where to publish it.
    #[diesel(sql_type = Text)]
    pub queue: Queue,
    /// Whose it is.
    #[diesel(sql_type = SqlUuid)]
    pub service_id: ServiceId,
    /// Its channel.
    #[diesel(sql_type = Text)]
    pub channel: Channel,
}

impl From<Relayed> for Deliverable {
    fn from(row: Relayed) -> Self {
        Self {
            id: row.id,
            service_id: row.service_id,
            channel: row.channel,
            queue: row.queue,
        }
    }
}

/// Waits that end in the retry queue; the others go back to their lane.
const RETRY_REASONS: [Reason; 3] = [
    Reason::ProviderFailure,
    Reason::AnswerLost,
    Reason::ProviderRate,
];

/// Puts up to `limit` due rows on their way and returns them. The caller publishes them; if it
/// cannot, it must [`hold`](super::hold::hold) them, and if it dies, the rescue finds them.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn relay(store: &Store, limit: i64) -> Result<Vec<Relayed>> {
    let mut conn = store.connection().await?;
    let relay = Relay {
        queues: Queue::ALL.to_vec(),
        limit,
        retry_reasons: RETRY_REASONS.to_vec(),
    };
    store.within_deadline(relay.load(&mut conn)).await
}
