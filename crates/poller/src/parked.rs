//! Bringing parked receipts back to their queues until what they speak of is there.

use std::collections::BTreeMap;
use std::time::Duration;

use carillon_amqp::{Outgoing, Publisher};
use carillon_core::queue::Queue;
use carillon_core::receipt::Receipt;
use carillon_core::task::ApplyReceipts;
use carillon_runtime::crash_point;
use carillon_store::{Store, parked_receipt};
use tokio_util::sync::CancellationToken;

use crate::publish;

/// How often due ones are looked for; their first wait is as long.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);
/// Receipts of one statement.
const BATCH: i64 = 500;
/// Receipts of one message.
const RECEIPTS_PER_MESSAGE: usize = 50;

/// Sets aside those that have waited long enough, and publishes those whose wait is over. Each has
/// its next wait before it is published, and stays parked until it is applied: a crash or a broker
/// that is away costs one wait.
pub(crate) async fn bring_back(
    store: &Store,
    publisher: &Publisher,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    loop {
        let n_given_up = parked_receipt::give_up(store, BATCH).await?;
        if n_given_up > 0 {
            tracing::warn!(
                n_receipts = n_given_up,
                "quarantined receipts that name nothing"
            );
        }
        if !publisher.is_connected() || shutdown.is_cancelled() {
            return Ok(());
        }
        let due = parked_receipt::take_due(store, BATCH).await?;
        if due.is_empty() && n_given_up == 0 {
            return Ok(());
        }
        crash_point!("poller.parked.taken");
        let mut by_queue: BTreeMap<Queue, Vec<Receipt>> = BTreeMap::new();
        for parked in due {
            match serde_json::from_value(parked.receipt) {
                Ok(receipt) => by_queue.entry(parked.queue).or_default().push(receipt),
                // It stays parked and is set aside in time.
                Err(_) => tracing::warn!(queue = %parked.queue, "a parked receipt cannot be read"),
            }
        }
        let mut batch = Vec::new();
        for (queue, receipts) in by_queue {
            for receipts in receipts.chunks(RECEIPTS_PER_MESSAGE) {
                let receipts = receipts.to_vec();
                let task = ApplyReceipts { receipts };
                batch.push(Outgoing::task(queue, carillon_core::id::mint(), &task)?);
            }
        }
        publish::within_deadline(publisher, &batch).await?;
    }
}
