//! Sending jobs on: those whose time has come, and those that nobody goes on with. And, by the
//! clock, counting rows and removing what is old.

use std::collections::HashSet;
use std::time::Duration;

use carillon_amqp::{Outgoing, Publisher};
use carillon_connect::job_payloads::JobPayloads;
use carillon_core::id::JobId;
use carillon_core::queue::Queue;
use carillon_core::task::ProcessJob;
use carillon_runtime::crash_point;
use carillon_store::{Store, job};
use tokio_util::sync::CancellationToken;

use crate::publish;

/// Jobs of one round.
const BATCH: i64 = 100;
/// Between the statement that sends a job on and the confirm of its tasks: what a marker proves must
/// have been published before it.
const GRACE: Duration = Duration::from_secs(5);
/// Jobs that are counted or removed together.
const PAGE: i64 = 50;

/// Sends on what stands still, until nothing does. While the broker is away nothing is touched.
pub(crate) async fn send_on(
    store: &Store,
    publisher: &Publisher,
    pieces: usize,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let pieces = u32::try_from(pieces).unwrap_or(u32::MAX);
    while publisher.is_connected() && !shutdown.is_cancelled() {
        let still = job::stands_still(store, GRACE, pieces, BATCH).await?;
        if still.is_empty() {
            break;
        }
        // A crash here leaves jobs that count as sent on and are in no queue: the watermark of the
        // queue proves it.
        crash_point!("poller.jobs.committed");
        let mut tasks = Vec::new();
        for job in &still {
            for _ in 0..job.n_pieces {
                let task = ProcessJob { job_id: job.id };
                tasks.push(Outgoing::task(
                    Queue::Jobs,
                    carillon_core::id::mint(),
                    &task,
                )?);
            }
        }
        if let Err(error) = publish::within_deadline(publisher, &tasks).await {
            let ids: Vec<_> = still.iter().map(|job| job.id).collect();
            job::send_on_again(store, &ids).await?;
            return Err(error.into());
        }
        metrics::counter!("carillon_relayed_total", "queue" => Queue::Jobs.as_str())
            .increment(tasks.len() as u64);
        tracing::debug!(n_jobs = still.len(), "sent jobs on");
    }
    Ok(())
}

/// Counts the rows of finished jobs and opens again what lacks some; returns how many jobs were
/// counted.
pub(crate) async fn check_for_missing_rows(
    store: &Store,
    shutdown: &CancellationToken,
) -> anyhow::Result<usize> {
    let (mut left, mut n_checked) = (HashSet::new(), 0);
    while !shutdown.is_cancelled() {
        let mut unchecked = job::unchecked(store, page_beyond(&left)).await?;
        unchecked.retain(|(id, _)| !left.contains(id));
        if unchecked.is_empty() {
            break;
        }
        for (id, started_at) in unchecked {
            let chunks = match job::reopen_missing(store, id, started_at).await {
                Ok(chunks) => chunks,
                Err(error) => {
                    // The next slot tries again; the others are not to wait for it.
                    left.insert(id);
                    tracing::error!(job.id = %id, %error, "cannot count a job's rows");
                    continue;
                }
            };
            if !chunks.is_empty() {
                tracing::error!(job.id = %id, ?chunks, "a finished job lacks rows; saving them again");
                metrics::counter!("carillon_jobs_reopened_total").increment(1);
            }
            n_checked += 1;
        }
    }
    Ok(n_checked)
}

/// So many that a page of others is among them, if there are others.
fn page_beyond(left: &HashSet<JobId>) -> i64 {
    PAGE + i64::try_from(left.len()).unwrap_or(i64::MAX - PAGE)
}

/// Removes jobs that are older than their services keep them, and what lies outside and is no job's;
/// returns how many. One that cannot be removed is left for the next slot and holds up no other.
pub(crate) async fn remove_old(
    store: &Store,
    payloads: &JobPayloads,
    shutdown: &CancellationToken,
) -> anyhow::Result<usize> {
    let n_withdrawn = job::withdraw_expired(store).await?;
    if n_withdrawn > 0 {
        tracing::warn!(
            n_jobs = n_withdrawn,
            "cancelled jobs that were paused for too long"
        );
    }
    let (mut left, mut n_removed) = (HashSet::new(), 0);
    while !shutdown.is_cancelled() {
        let mut expired = job::expired(store, page_beyond(&left)).await?;
        expired.retain(|job| !left.contains(&job.id));
        if expired.is_empty() {
            break;
        }
        for job in &expired {
            let removed = match payloads.reaches(&job.storage) {
                Ok(()) => job::remove_expired(store, job.id).await.map_err(Into::into),
                // Its row is what says where that is.
                Err(error) => Err(error),
            };
            match removed {
                Ok(true) => n_removed += 1,
                Ok(false) => drop(left.insert(job.id)),
                Err(error) => {
                    left.insert(job.id);
                    tracing::error!(job.id = %job.id, %error, "cannot remove an old job");
                }
            }
        }
    }
    remove_strays(store, payloads, shutdown).await?;
    Ok(n_removed)
}

/// Removes what lies outside of jobs that are gone or were never made. It goes after the rows, for
/// somebody may let a job go on meanwhile, and then it is still needed.
async fn remove_strays(
    store: &Store,
    payloads: &JobPayloads,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let mut after = None;
    while !shutdown.is_cancelled() {
        let strays = job::outside::strays(store, after, PAGE).await?;
        let Some(last) = strays.last() else { break };
        after = Some(last.id);
        for stray in &strays {
            match payloads.remove(stray.id, &stray.storage).await {
                Ok(()) => job::outside::forget(store, stray.id).await?,
                // The others would wait for the same time-out, each by itself.
                Err(error) if error.is_transient() => return Err(error.into()),
                Err(error) => {
                    tracing::error!(job.id = %stray.id, %error, "cannot remove what is no job's");
                }
            }
        }
    }
    Ok(())
}

/// Sets the gauges of what is to be done.
pub(crate) async fn measure(store: &Store) -> anyhow::Result<()> {
    let backlog = job::backlog(store).await?;
    metrics::gauge!("carillon_jobs_open").set(backlog.n_jobs as f64);
    metrics::gauge!("carillon_job_rows_to_save").set(backlog.n_rows as f64);
    metrics::gauge!("carillon_jobs_overdue_seconds").set(backlog.overdue_seconds);
    Ok(())
}
