//! Claims of one lane: beside its loop, several at a time, for each waits for a disk.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use carillon_core::queue::Queue;
use carillon_core::task::{Deliver, Task};
use carillon_runtime::crash_point;
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::Instant;
use tracing::Instrument;

use super::unstarted::Id;
use crate::context::Context;
use crate::delivery::Turn;
use crate::patience;

#[derive(Default)]
pub(super) struct Claims {
    n_begun: Arc<AtomicUsize>,
    /// Notified whenever one has ended.
    pub ended: Arc<Notify>,
}

/// The most claims at the same time.
pub(super) const AT_ONCE: usize = 4;

/// A claim in progress.
struct Begun {
    n_begun: Arc<AtomicUsize>,
    ended: Arc<Notify>,
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.n_begun.fetch_sub(1, Ordering::Relaxed);
        self.ended.notify_one();
    }
}

impl Claims {
    /// How many are in progress.
    pub fn n_begun(&self) -> usize {
        self.n_begun.load(Ordering::Relaxed)
    }

    /// Claims these and starts their calls, each of which keeps one of the permits.
    pub fn begin(
        &self,
        cx: &Context,
        queue: Queue,
        starting: Vec<(Id, Turn)>,
        permits: OwnedSemaphorePermit,
    ) {
        self.n_begun.fetch_add(1, Ordering::Relaxed);
        let begun = Begun {
            n_begun: Arc::clone(&self.n_begun),
            ended: Arc::clone(&self.ended),
        };
        let cx_here = cx.clone();
        cx.tasks.spawn("claim", async move {
            claim(&cx_here, queue, starting, permits).await;
            drop(begun);
        });
    }
}

async fn claim(
    cx: &Context,
    queue: Queue,
    starting: Vec<(Id, Turn)>,
    mut permits: OwnedSemaphorePermit,
) {
    let ids: Vec<_> = starting.iter().map(|((id, _), _)| *id).collect();
    let token = carillon_core::id::mint();
    let began = Instant::now();
    let claim = || cx.deliveries.claim(&ids, token);
    let Ok(claimed) = patience::store(&cx.shutdown, Deliver::NAME, claim).await else {
        // Shutting down: what was to start goes back with its tasks.
        return;
    };
    let mut claimed = claimed.unwrap_or_else(|error| {
        // The rows are the truth: the rescue brings them again.
        tracing::error!(%queue, n_rows = ids.len(), %error, "cannot claim");
        HashMap::new()
    });
    cx.deliveries.turns.claim_took(began.elapsed());
    crash_point!("worker.deliver.claimed");
    for ((id, in_hand), turn) in starting {
        let Some(row) = claimed.remove(&id) else {
            // Sent, waiting, or in another worker's hands: nothing to do.
            in_hand.settle();
            continue;
        };
        // There is a permit for every id that was taken.
        let Some(slot) = permits.split(1) else { break };
        let deliveries = Arc::clone(&cx.deliveries);
        let span = row.span(queue, in_hand.published_by());
        let delivery = async move { deliveries.deliver(row, in_hand, slot, turn).await };
        cx.tasks.spawn("delivery", delivery.instrument(span));
    }
}
