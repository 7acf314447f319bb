//! Taking in what comes from a queue: in batches, except for suspects.
//!
//! A message that comes back again and again without being settled may be what crashes the workers.
//! It is handled alone, so that it takes no neighbours with it; back from the delivery limit and
//! still not settled, it is set aside unread.

use std::time::Duration;

use carillon_amqp::Delivery;
use carillon_core::reason::QuarantineReason;
use tokio::sync::mpsc;

use crate::context::Context;
use crate::patience::ShuttingDown;
use crate::{batch, quarantine};

/// Deliveries after which a message is under suspicion.
const SUSPECT_AFTER: u64 = 3;

/// Hands batches to `handle` until the consumer ends or the process shuts down.
pub(crate) async fn run<F>(
    cx: &Context,
    queue: &str,
    mut deliveries: mpsc::Receiver<Delivery>,
    (n_max, wait): (usize, Duration),
    handle: impl Fn(Vec<Delivery>) -> F,
) where
    F: Future<Output = Result<(), ShuttingDown>>,
{
    while let Some(batch) = batch::next(&mut deliveries, n_max, wait).await {
        let (innocent, suspects): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .partition(|delivery| delivery.redeliveries <= SUSPECT_AFTER);
        if !innocent.is_empty() && handle(innocent).await.is_err() {
            return;
        }
        for delivery in suspects {
            let handled = if queue.ends_with(".dead") {
                set_aside(cx, queue, delivery).await
            } else {
                handle(vec![delivery]).await
            };
            if handled.is_err() {
                return;
            }
        }
    }
}

/// Keeps a message unread.
async fn set_aside(cx: &Context, queue: &str, delivery: Delivery) -> Result<(), ShuttingDown> {
    let reason = QuarantineReason::CrashesWorkers;
    let detail = format!(
        "delivered {} times without being handled",
        delivery.redeliveries
    );
    quarantine::put(
        cx,
        queue,
        &delivery.task,
        reason,
        &detail,
        &delivery.payload,
    )
    .await?;
    delivery.settle();
    Ok(())
}
