//! The marker: writes results coalesced over all tasks in hand, then settles their ids.

use std::sync::Arc;
use std::time::Duration;

use carillon_runtime::{Tasks, crash_point};
use carillon_store::Store;
use carillon_store::notification::Marking;
use tokio::sync::{Semaphore, mpsc};

use super::IdInHand;
use crate::batch;
use crate::waker::Waker;

/// One result, and the id in hand that waits for it.
pub(crate) struct Answer {
    pub marking: Marking,
    pub id: IdInHand,
}

/// Takes results; when it is behind, handing over waits, and with it the claiming.
#[derive(Clone)]
pub(crate) struct Marker {
    results: mpsc::Sender<Answer>,
}

/// The most results of one statement.
const BATCH: usize = 200;
/// How long a result waits for company.
const WAIT: Duration = Duration::from_millis(20);
/// Statements at the same time: while one waits for the disk, the next results need not.
const AT_ONCE: usize = 2;
/// Results in waiting.
const BUFFER: usize = 2_000;
/// The wait before writing again when PostgreSQL is away.
const TRY_AGAIN: Duration = Duration::from_millis(500);

impl Marker {
    /// Starts the marker; it ends when the last sender is gone, having written everything.
    pub fn start(store: Store, tasks: &Tasks, waker: Waker) -> Self {
        let (results, mut waiting) = mpsc::channel::<Answer>(BUFFER);
        let writers = tasks.clone();
        tasks.spawn_essential("marker", async move {
            let slots = Arc::new(Semaphore::new(AT_ONCE));
            // Nobody closes the semaphore.
            while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
                let Some(batch) = batch::next(&mut waiting, BATCH, WAIT).await else {
                    break;
                };
                let (store, waker) = (store.clone(), waker.clone());
                writers.spawn("mark", async move {
                    let (markings, ids): (Vec<_>, Vec<_>) = batch
                        .into_iter()
                        .map(|answer| (answer.marking, answer.id))
                        .unzip();
                    write(&store, &markings, &waker).await;
                    crash_point!("worker.deliver.marked");
                    ids.into_iter().for_each(IdInHand::settle);
                    drop(slot);
                });
            }
            Ok(())
        });
        Self { results }
    }

    /// Hands a result over; the marker outlives every delivery of the process.
    pub async fn hand_over(&self, result: Answer) {
        if self.results.send(result).await.is_err() {
            tracing::error!("the marker is gone; the lease will expire and the rescue take over");
        }
    }
}

/// Writes a batch, however long it takes: these calls were made and must be on record. Should
/// PostgreSQL refuse one of them, the others are written without it; its lease expires then.
async fn write(store: &Store, markings: &[Marking], waker: &Waker) {
    let started = std::time::Instant::now();
    let mut said = false;
    loop {
        match carillon_store::notification::mark(store, markings, "worker").await {
            Ok(marks) => {
                metrics::counter!("carillon_late_results_total").increment(marks.n_late as u64);
                if marks.n_callback_events > 0 {
                    waker.callbacks();
                }
                break;
            }
            Err(error) if error.is_transient() => {
                if !std::mem::replace(&mut said, true) {
                    tracing::warn!(n_rows = markings.len(), %error, "cannot write results; trying on");
                }
                tokio::time::sleep(TRY_AGAIN).await;
            }
            Err(error) => {
                if let [one] = markings {
                    tracing::error!(notification.id = %one.id, %error, "a result is refused");
                    return;
                }
                let (first, second) = markings.split_at(markings.len() / 2);
                Box::pin(write(store, first, waker)).await;
                Box::pin(write(store, second, waker)).await;
                return;
            }
        }
    }
    metrics::histogram!("carillon_mark_seconds").record(started.elapsed().as_secs_f64());
    for marking in markings {
        let reason = marking
            .reason
            .map_or("none", carillon_core::reason::Reason::as_str);
        metrics::counter!(
            "carillon_deliveries_total", "status" => marking.status.as_str(), "reason" => reason
        )
        .increment(1);
    }
}
