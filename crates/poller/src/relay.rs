//! Relaying rows whose wait is over: committed as on their way, then published.

use std::collections::BTreeMap;

use carillon_amqp::{Outgoing, Publisher};
use carillon_core::id::NotificationId;
use carillon_core::queue::Queue;
use carillon_core::reason::Reason;
use carillon_core::task::{Deliver, Deliverable};
use carillon_runtime::crash_point;
use carillon_store::{Store, notification};
use tokio_util::sync::CancellationToken;

use crate::publish::{self, Failed, Share};

/// Rows of one round.
const BATCH: i64 = 1_000;

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
        let shares = shares(relayed.iter().copied().map(Into::into))?;
        let (failed, is_all) = publish::by_queue(publisher, shares).await;
        for Failed {
            queue,
            ids,
            error,
            wait,
        } in &failed
        {
            tracing::warn!(%queue, n_rows = ids.len(), %error, "cannot relay");
            notification::hold(store, ids, Reason::BrokerAway, *wait, "poller").await?;
        }
        if is_all && let Some(Failed { error, .. }) = failed.into_iter().next() {
            return Err(error.into());
        }
        tracing::debug!(n_rows = relayed.len(), "relayed");
    }
    Ok(())
}

fn shares(
    relayed: impl Iterator<Item = Deliverable>,
) -> serde_json::Result<BTreeMap<Queue, Share<NotificationId>>> {
    let mut shares: BTreeMap<Queue, Share<NotificationId>> = BTreeMap::new();
    for (queue, task) in Deliver::all(relayed) {
        let share = shares.entry(queue).or_default();
        let outgoing = Outgoing::task(queue, carillon_core::id::mint(), &task)?;
        share.tasks.push(outgoing);
        metrics::counter!("carillon_relayed_total", "queue" => queue.as_str())
            .increment(task.ids.len() as u64);
        share.ids.extend(task.ids);
    }
    Ok(shares)
}
