//! Giving ids back to PostgreSQL unstarted, each with its reason: nobody must wonder where they are
//! (house rule 2).

use std::time::Duration;

use carillon_core::queue::Queue;
use carillon_core::reason::Reason;

use super::unstarted::{Id, Waiting};
use crate::context::Context;
use crate::patience;

/// Ids of one statement.
const BATCH: usize = 1_000;
/// The wait of ids of which this worker can start none: another may be free at once.
const STUCK_FOR: Duration = Duration::from_secs(1);

/// Ids of services that have more in hand than their share wait until their turn is near.
pub(super) fn exceeding(cx: &Context, queue: Queue, ids: Vec<Waiting>) {
    put_back(cx, queue, ids, Reason::FairShare);
}

/// Ids of which every provider is left alone wait until one may be tried.
pub(super) fn paused(cx: &Context, queue: Queue, ids: Vec<Waiting>) {
    put_back(cx, queue, ids, Reason::ProviderPaused);
}

/// Ids that were not started in time, where nothing of their services starts: this worker is slow,
/// or its provider is.
pub(super) fn stuck(cx: &Context, queue: Queue, ids: Vec<Id>) {
    let ids = ids.into_iter();
    let ids = ids.map(|(id, in_hand)| (id, in_hand, STUCK_FOR)).collect();
    put_back(cx, queue, ids, Reason::GivenBack);
}

/// Beside the lane's loop; their tasks are settled once it is written.
fn put_back(cx: &Context, queue: Queue, mut ids: Vec<Waiting>, reason: Reason) {
    if ids.is_empty() {
        return;
    }
    let cx_here = cx.clone();
    cx.tasks.spawn("put-back", async move {
        while !ids.is_empty() {
            let batch: Vec<_> = ids.drain(..ids.len().min(BATCH)).collect();
            let waits = || batch.iter().map(|(id, _, wait)| (*id, *wait));
            let hold = || {
                let store = &cx_here.store;
                carillon_store::notification::hold_each(store, waits(), reason, "worker")
            };
            let Ok(held) = patience::store(&cx_here.shutdown, "put-back", hold).await else {
                return;
            };
            if let Err(error) = held {
                tracing::error!(%queue, n_rows = batch.len(), %error, "cannot put back");
            }
            metrics::counter!(
                "carillon_put_back_total", "queue" => queue.as_str(), "reason" => reason.as_str()
            )
            .increment(batch.len() as u64);
            batch
                .into_iter()
                .for_each(|(_, in_hand, _)| in_hand.settle());
        }
    });
}
