//! Rescuing what fell out: rows whose worker vanished, rows that are in no queue.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use carillon_core::reason::Reason;
use carillon_store::{Store, callback, health, notification};
use tokio_util::sync::CancellationToken;

/// Rows of one statement.
const BATCH: i64 = 1_000;

/// Rescues, round by round.
#[derive(Default)]
pub(crate) struct Rescue {
    /// Whether the last round found PostgreSQL away.
    was_away: AtomicBool,
}

impl Rescue {
    /// Rescues everything there is; each rescue has its reason on the timeline and in the metric.
    ///
    /// The first round after an outage rescues nothing: leases ran out meanwhile, and the workers
    /// still have the results in hand.
    pub async fn round(
        &self,
        store: &Store,
        grace: Duration,
        shutdown: &CancellationToken,
    ) -> anyhow::Result<()> {
        if self.was_away.load(Ordering::Relaxed) {
            health::now(store).await?;
            self.was_away.store(false, Ordering::Relaxed);
            return Ok(());
        }
        let rescued = all(store, grace, shutdown).await;
        self.was_away.store(rescued.is_err(), Ordering::Relaxed);
        Ok(rescued?)
    }
}

async fn all(
    store: &Store,
    grace: Duration,
    shutdown: &CancellationToken,
) -> carillon_store::Result<()> {
    while !shutdown.is_cancelled() {
        let lost = notification::rescue_lost(store, BATCH).await?;
        let fallen = notification::rescue_fallen(store, grace, BATCH).await?;
        let lost_calls = callback::rescue_lost(store, BATCH).await?;
        let fallen_calls = callback::rescue_fallen(store, grace, BATCH).await?;
        let n_unwanted = callback::drop_unwanted(store, BATCH).await?;
        report(Reason::LeaseExpired, "notifications", &lost);
        report(Reason::FellOut, "notifications", &fallen);
        report(Reason::LeaseExpired, "calls to services", &lost_calls);
        report(Reason::FellOut, "calls to services", &fallen_calls);
        let rescued = [&lost, &fallen, &lost_calls, &fallen_calls];
        if rescued.iter().all(|queues| queues.is_empty()) && n_unwanted == 0 {
            break;
        }
    }
    Ok(())
}

fn report(reason: Reason, what: &'static str, queues: &[String]) {
    for queue in queues {
        metrics::counter!(
            "carillon_rescued_total", "queue" => queue.clone(), "reason" => reason.as_str()
        )
        .increment(1);
    }
    if !queues.is_empty() {
        tracing::warn!(n_rows = queues.len(), reason = %reason, "rescued {what}");
    }
}
