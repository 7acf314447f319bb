//! Relaying rows whose wait is over: committed as on their way, then published.

use std::collections::BTreeMap;
use std::time::Duration;

use carillon_amqp::{Outgoing, Publisher};
use carillon_core::id::NotificationId;
use carillon_core::queue::Queue;
use carillon_core::reason::Reason;
use carillon_core::task::Deliver;
use carillon_runtime::crash_point;
use carillon_store::{Store, notification};
use tokio_util::sync::CancellationToken;

use crate::publish;

/// Rows of one round.
const BATCH: i64 = 1_000;
/// The wait of rows that could not be published.
const BROKER_AWAY_FOR: Duration = Duration::from_secs(2);

/// Relays until nothing is due. While the broker is away nothing is touched.
pub(crate) async fn all_due(
    store: &Store,
    publisher: &Publisher,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    while publisher.is_connected() && !shutdown.is_cancelled() {
        let relayed = notification::relay(store, BATCH).await?;
        if relayed.is_empty() {
            break;
        }
        // Between this commit and the publish a crash leaves rows on their way that are in no
        // queue: the watermark proves it and the rescue brings them back.
        crash_point!("poller.relay.committed");
        let mut by_queue: BTreeMap<Queue, Vec<NotificationId>> = BTreeMap::new();
        for row in &relayed {
            by_queue.entry(row.queue).or_default().push(row.id);
        }
        let mut batch = Vec::new();
        for (queue, ids) in &by_queue {
            for ids in ids.chunks(Deliver::MAX_IDS) {
                let task = Deliver { ids: ids.to_vec() };
                batch.push(Outgoing::task(*queue, carillon_core::id::mint(), &task)?);
            }
            metrics::counter!("carillon_relayed_total", "queue" => queue.as_str())
                .increment(ids.len() as u64);
        }
        if let Err(error) = publish::within_deadline(publisher, &batch).await {
            let ids: Vec<_> = relayed.iter().map(|row| row.id).collect();
            let reason = Reason::BrokerAway;
            notification::hold(store, &ids, reason, BROKER_AWAY_FOR, "poller").await?;
            return Err(error.into());
        }
        tracing::debug!(n_rows = relayed.len(), "relayed");
    }
    Ok(())
}
