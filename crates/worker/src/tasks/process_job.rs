//! Go on with a job: change a page of its saved rows if somebody stopped it or let it go on, save
//! its next chunk, and put the task back behind the other jobs' while there is more.
//!
//! The task's own message id is the token of what it claims. Delivered again after a crash, it finds
//! the chunk of the first try at once, saved or not, and publishes what that may not have.

mod chunk;
mod rows;

use std::sync::Arc;
use std::time::Duration;

use carillon_amqp::{Delivery, Outgoing};
use carillon_core::id::JobId;
use carillon_core::job::{JobEvent, JobReason, JobStatus};
use carillon_core::queue::Queue;
use carillon_core::reason::QuarantineReason;
use carillon_core::task::{MarkLane, ProcessJob, Task};
use carillon_store::job::{Claim, ClaimedChunk};
use carillon_trace::Operation;
use tokio::sync::{Semaphore, mpsc};
use tracing::Instrument;
use uuid::Uuid;

use super::apply_receipts::describe;
use super::mark_lane;
use crate::context::Context;
use crate::patience::{self, ShuttingDown};
use crate::quarantine;

/// Tries, each ended by a crash, after which a chunk must be what crashes the workers.
const MAX_ATTEMPTS: u32 = 20;

/// Runs until the consumer ends; several pieces at the same time, of one job or of many.
pub(crate) async fn run(cx: &Context, mut tasks: mpsc::Receiver<Delivery>) {
    let slots = Arc::new(Semaphore::new(cx.settings.jobs.parallel_chunks.max(1)));
    while let Some(delivery) = tasks.recv().await {
        // It needs no slot, but comes after what was taken out before it.
        if delivery.task == MarkLane::NAME {
            let cx_here = cx.clone();
            cx.tasks.spawn("mark-lane", async move {
                let _ = mark(&cx_here, delivery).await;
            });
            continue;
        }
        let slot = cx
            .shutdown
            .run_until_cancelled(Arc::clone(&slots).acquire_owned());
        let Some(Ok(slot)) = slot.await else { return };
        let cx_here = cx.clone();
        cx.tasks.spawn("process-job", async move {
            // At shutdown the task goes back to its queue, unsettled.
            let _ = handle(&cx_here, delivery).await;
            drop(slot);
        });
    }
}

async fn mark(cx: &Context, delivery: Delivery) -> Result<(), ShuttingDown> {
    if let Ok(marker) = serde_json::from_slice::<MarkLane>(&delivery.payload) {
        mark_lane::handle(cx, &marker).await?;
    }
    delivery.settle();
    Ok(())
}

async fn handle(cx: &Context, delivery: Delivery) -> Result<(), ShuttingDown> {
    let job_id = match read(&delivery) {
        Ok(task) => task.job_id,
        Err((reason, detail)) => {
            let (queue, task) = (Queue::Jobs.as_str(), &delivery.task);
            quarantine::put(cx, queue, task, reason, &detail, &delivery.payload).await?;
            delivery.settle();
            return Ok(());
        }
    };
    let token = delivery.id.unwrap_or_else(carillon_core::id::mint);
    let piece = Piece { cx, job_id, token };
    let span = carillon_trace::hop(Operation::Process, Queue::Jobs.as_str(), delivery.trace);
    piece.go_on().instrument(span).await?;
    delivery.settle();
    Ok(())
}

fn read(delivery: &Delivery) -> Result<ProcessJob, (QuarantineReason, String)> {
    if (delivery.task.as_str(), delivery.version) != (ProcessJob::NAME, ProcessJob::VERSION) {
        let detail = format!("{} version {}", delivery.task, delivery.version);
        return Err((QuarantineReason::UnknownTask, detail));
    }
    serde_json::from_slice(&delivery.payload)
        .map_err(|error| (QuarantineReason::Malformed, describe(&error)))
}

/// What one task does for its job.
struct Piece<'a> {
    cx: &'a Context,
    job_id: JobId,
    token: Uuid,
}

impl Piece<'_> {
    async fn go_on(&self) -> Result<(), ShuttingDown> {
        let Some(claim) = self.claim().await? else {
            return Ok(());
        };
        let rows_go_on = match claim.row_change {
            Some(change) => self.change_rows(change).await?,
            None => false,
        };
        let chunks_go_on = match claim.chunk {
            Some(chunk) if !claim.service_is_active => {
                self.end(&chunk, JobEvent::Cancelled, JobReason::ServiceInactive)
                    .await?;
                false
            }
            Some(chunk) if chunk.attempt > MAX_ATTEMPTS => {
                self.end(&chunk, JobEvent::Failed, JobReason::CrashesWorkers)
                    .await?;
                false
            }
            Some(chunk) => self.save_chunk(chunk).await?,
            None => {
                if claim.status == JobStatus::InProgress {
                    self.finish().await?;
                }
                false
            }
        };
        if rows_go_on || chunks_go_on {
            self.publish(vec![self.next()]).await?;
        }
        Ok(())
    }

    /// The next piece's task: after those of other jobs, and with a token of its own.
    fn next(&self) -> Option<Outgoing> {
        let task = ProcessJob {
            job_id: self.job_id,
        };
        // An id always has a JSON form; if not, the poller sends the job on.
        let message = Outgoing::task(Queue::Jobs, carillon_core::id::mint(), &task).ok()?;
        Some(message.traced(carillon_trace::current()))
    }

    async fn publish(&self, messages: Vec<Option<Outgoing>>) -> Result<(), ShuttingDown> {
        let messages: Vec<_> = messages.into_iter().flatten().collect();
        patience::publish(&self.cx.shutdown, &self.cx.publisher, &messages).await
    }

    async fn claim(&self) -> Result<Option<Claim>, ShuttingDown> {
        let lease = self.cx.settings.jobs.chunk_lease;
        let claim =
            || carillon_store::job::claim_chunk(&self.cx.store, self.job_id, self.token, lease);
        match patience::store(&self.cx.shutdown, ProcessJob::NAME, claim).await? {
            Ok(claim) => Ok(claim),
            Err(error) => {
                // The rows are the truth: the poller sends the job on.
                tracing::error!(job.id = %self.job_id, %error, "cannot claim a chunk");
                Ok(None)
            }
        }
    }

    async fn finish(&self) -> Result<(), ShuttingDown> {
        let finish = || carillon_store::job::finish(&self.cx.store, self.job_id);
        match patience::store(&self.cx.shutdown, "finish-job", finish).await? {
            Ok(true) => tracing::info!(job.id = %self.job_id, "all rows of a job are saved"),
            Ok(false) => {}
            Err(error) => {
                tracing::error!(job.id = %self.job_id, %error, "cannot finish a job");
            }
        }
        Ok(())
    }

    /// Ends the job's way with a reason; whoever looks at it sees why. The chunk at which it ended is
    /// nobody's then: what follows need not wait for its lease.
    async fn end(
        &self,
        chunk: &ClaimedChunk,
        event: JobEvent,
        reason: JobReason,
    ) -> Result<(), ShuttingDown> {
        let end = || carillon_store::job::move_on(&self.cx.store, self.job_id, event, Some(reason));
        match patience::store(&self.cx.shutdown, "end-job", end).await? {
            Ok(_) => {
                tracing::error!(job.id = %self.job_id, %event, %reason, "a job cannot go on");
                metrics::counter!("carillon_jobs_stopped_total", "reason" => reason.as_str())
                    .increment(1);
            }
            Err(error) => tracing::error!(job.id = %self.job_id, %error, "cannot end a job"),
        }
        self.give_back(chunk, Duration::ZERO).await
    }
}
