//! Running the register: whoever takes a slot's row runs the slot.

use std::time::Duration;

use carillon_connect::job_payloads::JobPayloads;
use carillon_core::limits::bounces::Thresholds;
use carillon_core::schedule::{ScheduledTask, register};
use carillon_store::{Store, health, idempotency, limits, partition, provider_reference, schedule};
use tokio_util::sync::CancellationToken;

use crate::{bounces, jobs, ledger, slow_delivery, tend_providers, timeouts};

/// Rows that one statement removes.
const BATCH: i64 = 5_000;

/// Runs every task whose current slot nobody has taken yet. One that fails is logged and tried
/// again when its slot's taker is given up; the others run.
pub(crate) async fn run_what_is_due(
    store: &Store,
    payloads: &JobPayloads,
    give_up_after: Duration,
    thresholds: &Thresholds,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let now = health::now(store).await?;
    for task in register::ALL {
        let slot = task.slot(now)?;
        if !schedule::take(store, task.name, slot).await? {
            continue;
        }
        match perform(store, payloads, task, give_up_after, thresholds, shutdown).await {
            Ok(n) => {
                schedule::finish(store, task.name, slot).await?;
                tracing::info!(task.name = task.name, n_rows = n, "scheduled task done");
                metrics::counter!("carillon_scheduled_total", "task" => task.name, "result" => "done")
                    .increment(1);
            }
            Err(error) => {
                tracing::error!(
                    task.name = task.name,
                    error = format!("{error:#}"),
                    "scheduled task failed"
                );
                metrics::counter!("carillon_scheduled_total", "task" => task.name, "result" => "failed")
                    .increment(1);
            }
        }
    }
    Ok(())
}

/// The task's work; idempotent, and returns how much there was.
async fn perform(
    store: &Store,
    payloads: &JobPayloads,
    task: &ScheduledTask,
    give_up_after: Duration,
    thresholds: &Thresholds,
    shutdown: &CancellationToken,
) -> anyhow::Result<usize> {
    if task.name == register::KEEP_PARTITIONS_AHEAD.name {
        let today = health::now(store).await?.date_naive();
        Ok(partition::ensure_ahead(store, today).await?)
    } else if task.name == register::FORGET_OLD_SLOTS.name {
        Ok(schedule::forget_old(store).await?)
    } else if task.name == register::TIME_OUT_SENDING.name {
        timeouts::end_what_stays_open(store, give_up_after, shutdown).await
    } else if task.name == register::FORGET_PROVIDER_REFERENCES.name {
        forget_references(store, shutdown).await
    } else if task.name == register::CHECK_FOR_MISSING_ROWS.name {
        jobs::check_for_missing_rows(store, shutdown).await
    } else if task.name == register::REMOVE_OLD_JOBS.name {
        jobs::remove_old(store, payloads, shutdown).await
    } else if task.name == register::FORGET_IDEMPOTENCY_KEYS.name {
        forget_idempotency_keys(store, shutdown).await
    } else if task.name == register::CHECK_LEDGER.name {
        ledger::check(store, shutdown).await
    } else if task.name == register::SWITCH_ON_SLOW_DELIVERY.name {
        slow_delivery::switch(store).await
    } else if task.name == register::TEND_PROVIDERS_BACK.name {
        tend_providers::back(store).await
    } else if task.name == register::WATCH_BOUNCES.name {
        bounces::watch(store, thresholds, shutdown).await
    } else if task.name == register::FORGET_OLD_COUNTS.name {
        Ok(limits::forget_old_counts(store).await?)
    } else {
        anyhow::bail!("{} has no work", task.name)
    }
}

/// In batches, so that no transaction is long; what is left at shutdown is for the next slot.
async fn forget_references(store: &Store, shutdown: &CancellationToken) -> anyhow::Result<usize> {
    let mut n_forgotten = 0;
    while !shutdown.is_cancelled() {
        let n = provider_reference::forget_old(store, BATCH).await?;
        if n == 0 {
            break;
        }
        n_forgotten += n;
    }
    Ok(n_forgotten)
}

/// In batches, as [`forget_references`].
async fn forget_idempotency_keys(
    store: &Store,
    shutdown: &CancellationToken,
) -> anyhow::Result<usize> {
    let mut n_forgotten = 0;
    while !shutdown.is_cancelled() {
        let n = idempotency::forget_expired(store, BATCH).await?;
        if n == 0 {
            break;
        }
        n_forgotten += n;
    }
    Ok(n_forgotten)
}
