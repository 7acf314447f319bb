//! Relaying rows whose wait is over: committed as on their way, then published.

use std::time::Duration;

use carillon_amqp::{Outgoing, Publisher};
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
///
/// In the order in which rows came due, whosever they are: a round takes some ten milliseconds, and
/// what waits for its fair share comes due as its service's turns do. Turns are the workers' care.
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
        let tasks = Deliver::all(relayed.iter().copied().map(Into::into));
        let mut batch = Vec::with_capacity(tasks.len());
        for (queue, task) in &tasks {
            batch.push(Outgoing::task(*queue, carillon_core::id::mint(), task)?);
            metrics::counter!("carillon_relayed_total", "queue" => queue.as_str())
                .increment(task.ids.len() as u64);
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
