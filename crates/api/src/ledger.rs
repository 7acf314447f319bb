//! Counting what was answered with 201, apart from everything that saves it: one side of the ledger.
//!
//! Counting is an increment in memory; a task writes the counts down every second. A process that is
//! killed takes the last second's with it, and what it accepted then is there and uncounted.

use std::sync::Arc;
use std::time::Duration;

use carillon_core::ledger::Counts;
use carillon_core::task::SaveNotification;
use carillon_runtime::Tasks;
use carillon_store::{Store, ledger};
use parking_lot::Mutex;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

/// The counts of this process.
pub(crate) struct Ledger {
    counts: Arc<Mutex<Counts>>,
    /// Nobody counts any more once this is dropped.
    _ends: DropGuard,
}

/// How often counts are written.
const EVERY: Duration = Duration::from_secs(1);
/// Lines of one statement.
const PAGE: usize = 1_000;
/// Lines kept while PostgreSQL is away: services times lanes times minutes. Some 20 MB.
const MOST: usize = 200_000;
/// How often the last counts are tried to be written at the end of the process.
const LAST_TRIES: usize = 3;

impl Ledger {
    /// Starts writing; ends when the ledger is dropped and the last counts are written.
    pub fn start(tasks: &Tasks, store: Store) -> Self {
        let (counts, ended) = (
            Arc::new(Mutex::new(Counts::default())),
            CancellationToken::new(),
        );
        let (kept, until) = (Arc::clone(&counts), ended.clone());
        tasks.spawn("ledger", async move {
            let process = carillon_core::id::mint();
            keep(&store, process, &kept, &until).await;
        });
        Self {
            counts,
            _ends: ended.drop_guard(),
        }
    }

    /// Counts accepted messages, each once.
    pub fn accepted<'a>(&self, messages: impl IntoIterator<Item = &'a SaveNotification>) {
        let mut counts = self.counts.lock();
        for message in messages {
            counts.accepted(message.id, message.service_id, message.lane);
        }
    }
}

async fn keep(store: &Store, process: Uuid, counts: &Mutex<Counts>, ended: &CancellationToken) {
    let mut was_well = true;
    while !ended.is_cancelled() {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = ended.cancelled() => {}
        }
        match write(store, process, counts).await {
            Ok(()) => was_well = true,
            Err(error) => {
                if was_well {
                    tracing::warn!(%error, "cannot write what was accepted into the ledger; trying on");
                }
                was_well = false;
            }
        }
        let n_lost = counts.lock().forget(carillon_core::clock::now(), MOST);
        if n_lost > 0 {
            tracing::warn!(n_lost, "accepted messages will be uncounted in the ledger");
        }
    }
    for _ in 0..LAST_TRIES {
        if was_well {
            return;
        }
        tokio::time::sleep(EVERY).await;
        was_well = write(store, process, counts).await.is_ok();
    }
    tracing::warn!("what was accepted last is uncounted in the ledger");
}

/// Writes everything that has grown, in pages.
async fn write(store: &Store, process: Uuid, counts: &Mutex<Counts>) -> carillon_store::Result<()> {
    loop {
        let page = counts.lock().unwritten(PAGE);
        if page.is_empty() {
            return Ok(());
        }
        ledger::write_accepted(store, process, &page).await?;
        counts.lock().written(&page);
    }
}
