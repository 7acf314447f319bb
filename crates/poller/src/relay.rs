//! Relaying rows whose wait is over: committed as on their way, then published.

use std::collections::BTreeMap;
use std::time::Duration;

use carillon_amqp::{Outgoing, Publisher};
use carillon_core::id::NotificationId;
use carillon_core::queue::Queue;
use carillon_core::reason::Reason;
use carillon_core::task::{Deliver, Deliverable};
use carillon_runtime::crash_point;
use carillon_store::{Store, notification};
use futures::future::join_all;
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
        let shares = shares(relayed.iter().copied().map(Into::into))?;
        let n_queues = shares.len();
        let publishing = shares.into_iter().map(|(queue, share)| async move {
            let published = publish::within_deadline(publisher, &share.tasks).await;
            published.map_err(|error| (queue, share.ids, error))
        });
        // One confirm for each queue: one that the broker cannot serve holds up its own rows only.
        let failed: Vec<_> = join_all(publishing)
            .await
            .into_iter()
            .filter_map(Result::err)
            .collect();
        for (queue, ids, error) in &failed {
            tracing::warn!(%queue, n_rows = ids.len(), %error, "cannot relay");
            let reason = Reason::BrokerAway;
            notification::hold(store, ids, reason, BROKER_AWAY_FOR, "poller").await?;
        }
        if failed.len() == n_queues
            && let Some((.., error)) = failed.into_iter().next()
        {
            return Err(error.into());
        }
        tracing::debug!(n_rows = relayed.len(), "relayed");
    }
    Ok(())
}

/// What of a round goes to one queue.
#[derive(Default)]
struct Share {
    tasks: Vec<Outgoing>,
    ids: Vec<NotificationId>,
}

fn shares(
    relayed: impl Iterator<Item = Deliverable>,
) -> serde_json::Result<BTreeMap<Queue, Share>> {
    let mut shares: BTreeMap<Queue, Share> = BTreeMap::new();
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
