//! The recorder: writes results coalesced over all tasks in hand, then settles their ids.

use std::time::Duration;

use carillon_runtime::{Tasks, crash_point};
use carillon_store::Store;
use carillon_store::callback::{CallResult, mark};
use tokio::sync::mpsc;

use super::caller::Slot;
use crate::batch;
use crate::delivery::IdInHand;

/// One result, and what waits until it is written.
pub(super) struct Told {
    pub result: CallResult,
    pub id: IdInHand,
    /// The slot of a call that did not go well: the next one is claimed when it is known how the
    /// endpoint is.
    pub slot: Option<Slot>,
}

/// Takes results; when it is behind, handing over waits.
#[derive(Clone)]
pub(super) struct Recorder {
    results: mpsc::Sender<Told>,
}

/// The most results of one statement.
const BATCH: usize = 100;
/// How long a result waits for company.
const WAIT: Duration = Duration::from_millis(20);
/// Results in waiting.
const BUFFER: usize = 1_000;
/// The wait before writing again when PostgreSQL is away.
const TRY_AGAIN: Duration = Duration::from_millis(500);

impl Recorder {
    /// Starts the recorder; it ends when the last sender is gone, having written everything.
    pub fn start(store: Store, tasks: &Tasks) -> Self {
        let (results, mut waiting) = mpsc::channel::<Told>(BUFFER);
        tasks.spawn_essential("call-recorder", async move {
            while let Some(batch) = batch::next(&mut waiting, BATCH, WAIT).await {
                let (results, waiting): (Vec<_>, Vec<_>) = batch
                    .into_iter()
                    .map(|told| (told.result, (told.id, told.slot)))
                    .unzip();
                write(&store, &results).await;
                crash_point!("worker.call_service.marked");
                for (id, slot) in waiting {
                    drop(slot);
                    id.settle();
                }
            }
            Ok(())
        });
        Self { results }
    }

    /// Hands a result over; the recorder outlives every call of the process.
    pub async fn hand_over(&self, told: Told) {
        if self.results.send(told).await.is_err() {
            tracing::error!("the recorder is gone; the lease will expire and the rescue take over");
        }
    }
}

/// Writes a batch, however long it takes: these calls were made and must be on record. Should
/// PostgreSQL refuse one of them, the others are written without it; its lease expires then.
async fn write(store: &Store, results: &[CallResult]) {
    let mut said = false;
    loop {
        match mark(store, results).await {
            Ok(()) => return,
            Err(error) if error.is_transient() => {
                if !std::mem::replace(&mut said, true) {
                    tracing::warn!(n_rows = results.len(), %error, "cannot write what came of calls; trying on");
                }
                tokio::time::sleep(TRY_AGAIN).await;
            }
            Err(error) => {
                if let [one] = results {
                    tracing::error!(callback.event.id = %one.id, %error, "the result of a call is refused");
                    return;
                }
                let (first, second) = results.split_at(results.len() / 2);
                Box::pin(write(store, first)).await;
                Box::pin(write(store, second)).await;
                return;
            }
        }
    }
}
