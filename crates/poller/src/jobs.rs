//! Sending jobs on: those whose time has come, and those that nobody goes on with. And, by the
//! clock, counting rows and removing what is old.

use std::time::Duration;

use carillon_amqp::{Outgoing, Publisher};
use carillon_connect::job_payloads::JobPayloads;
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
/// Jobs that are listed together where their payloads lie outside.
const LISTED: usize = 500;
/// A job's row follows its objects within seconds.
const ORPHANS_FROM: chrono::Duration = chrono::Duration::hours(1);

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
    let mut n_checked = 0;
    while !shutdown.is_cancelled() {
        let unchecked = job::unchecked(store, PAGE).await?;
        if unchecked.is_empty() {
            break;
        }
        for (id, started_at) in unchecked {
            let chunks = job::reopen_missing(store, id, started_at).await?;
            if !chunks.is_empty() {
                tracing::error!(job.id = %id, ?chunks, "a finished job lacks rows; saving them again");
                metrics::counter!("carillon_jobs_reopened_total").increment(1);
            }
            n_checked += 1;
        }
    }
    Ok(n_checked)
}

/// Removes jobs that are older than their services keep them, and what lies outside for jobs that were
/// never made; returns how many.
pub(crate) async fn remove_old(
    store: &Store,
    payloads: &JobPayloads,
    shutdown: &CancellationToken,
) -> anyhow::Result<usize> {
    let mut n_removed = 0;
    while !shutdown.is_cancelled() {
        let expired = job::expired(store, PAGE).await?;
        if expired.is_empty() {
            break;
        }
        // First what lies outside: without its row nobody would know of it.
        for (id, storage) in &expired {
            payloads.remove(*id, storage).await?;
        }
        let ids: Vec<_> = expired.iter().map(|(id, _)| *id).collect();
        n_removed += job::remove_expired(store, &ids).await?;
    }
    Ok(n_removed + remove_orphans(store, payloads, shutdown).await?)
}

/// Objects are stored before their job's row: a crash between the two leaves some that no row names.
async fn remove_orphans(
    store: &Store,
    payloads: &JobPayloads,
    shutdown: &CancellationToken,
) -> anyhow::Result<usize> {
    let Some(objects) = payloads.objects() else {
        return Ok(0);
    };
    let old = carillon_core::clock::now() - ORPHANS_FROM;
    let (mut after, mut n_removed) = (None, 0);
    while !shutdown.is_cancelled() {
        let stored = objects.jobs(after, LISTED).await?;
        let Some(last) = stored.last() else { break };
        after = Some(last.job);
        let ids: Vec<_> = stored
            .iter()
            .filter(|stored| stored.changed_at < old)
            .map(|stored| stored.job)
            .collect();
        for orphan in job::without_row(store, &ids).await? {
            objects.remove(orphan).await?;
            n_removed += 1;
        }
    }
    Ok(n_removed)
}

/// Sets the gauges of what is to be done.
pub(crate) async fn measure(store: &Store) -> anyhow::Result<()> {
    let backlog = job::backlog(store).await?;
    metrics::gauge!("carillon_jobs_open").set(backlog.n_jobs as f64);
    metrics::gauge!("carillon_job_rows_to_save").set(backlog.n_rows as f64);
    metrics::gauge!("carillon_jobs_overdue_seconds").set(backlog.overdue_seconds);
    Ok(())
}
