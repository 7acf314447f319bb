//! Running the register: whoever takes a slot's row runs the slot.

use carillon_core::schedule::{ScheduledTask, register};
use carillon_store::{Store, health, partition, schedule};

/// Runs every task whose current slot nobody has taken yet. One that fails is logged and tried
/// again when its slot's taker is given up; the others run.
pub(crate) async fn run_what_is_due(store: &Store) -> anyhow::Result<()> {
    let now = health::now(store).await?;
    for task in register::ALL {
        let slot = task.slot(now)?;
        if !schedule::take(store, task.name, slot).await? {
            continue;
        }
        match perform(store, task).await {
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
async fn perform(store: &Store, task: &ScheduledTask) -> anyhow::Result<usize> {
    if task.name == register::KEEP_PARTITIONS_AHEAD.name {
        let today = health::now(store).await?.date_naive();
        Ok(partition::ensure_ahead(store, today).await?)
    } else if task.name == register::FORGET_OLD_SLOTS.name {
        Ok(schedule::forget_old(store).await?)
    } else {
        anyhow::bail!("{} has no work", task.name)
    }
}
