//! Saving a claimed chunk and handing its rows on.

use std::time::Duration;

use carillon_amqp::Outgoing;
use carillon_core::bulk::{ChunkError, JobRow, read_chunk};
use carillon_core::id::NotificationId;
use carillon_core::job::{JobEvent, JobReason};
use carillon_core::queue::Queue;
use carillon_core::task::Deliver;
use carillon_core::task::deliver::Deliverable;
use carillon_runtime::crash_point;
use carillon_store::job::{ClaimedChunk, SavedChunk};

use super::Piece;
use crate::patience::{self, ShuttingDown};

/// The wait for a payload whose store cannot be reached.
const PAYLOAD_AWAY_FOR: Duration = Duration::from_secs(5);

/// Why a chunk cannot be saved now.
enum NotSaved {
    /// It never can be.
    Never(JobReason),
    /// What it holds cannot be read for the moment.
    NotNow,
}

impl Piece<'_> {
    /// Saves a chunk's rows, publishes their ids, and says whether there are others to save.
    pub(super) async fn save_chunk(&self, chunk: ClaimedChunk) -> Result<bool, ShuttingDown> {
        let started = std::time::Instant::now();
        let rows = match self.rows(&chunk).await {
            Ok(rows) => rows,
            Err(NotSaved::Never(reason)) => {
                self.end(&chunk, JobEvent::Failed, reason).await?;
                return Ok(false);
            }
            Err(NotSaved::NotNow) => {
                self.give_back(&chunk, PAYLOAD_AWAY_FOR).await?;
                return Ok(false);
            }
        };
        let Some(saved) = self.save(&chunk, rows).await? else {
            return Ok(false);
        };
        crash_point!("worker.job.committed");
        if !saved.is_ours {
            // Somebody stopped the job, or took the chunk over.
            return Ok(false);
        }
        let mut messages = deliver_tasks(&chunk, &saved.ids);
        let goes_on = saved.n_open > 0;
        if goes_on {
            messages.push(self.next());
        }
        self.publish(messages).await?;
        crash_point!("worker.job.published");
        metrics::counter!("carillon_saved_total", "queue" => Queue::Jobs.as_str())
            .increment(saved.n_new as u64);
        metrics::histogram!("carillon_job_chunk_seconds").record(started.elapsed().as_secs_f64());
        // The others may be in the hands of those who save them at this moment.
        if saved.n_open < self.cx.settings.jobs.parallel_chunks {
            self.finish().await?;
        }
        // The next piece's task is on its way already.
        Ok(false)
    }

    async fn rows(&self, chunk: &ClaimedChunk) -> Result<Vec<JobRow>, NotSaved> {
        let (store, payloads) = (&self.cx.store, &self.cx.payloads);
        let payload = payloads
            .chunk(store, chunk.job_id, &chunk.storage, chunk.chunk)
            .await
            .map_err(|error| {
                tracing::warn!(job.id = %self.job_id, chunk = chunk.chunk, %error, "cannot read a chunk");
                NotSaved::NotNow
            })?
            .ok_or(NotSaved::Never(JobReason::PayloadMissing))?;
        let rows = read_chunk(&payload).map_err(|error| {
            tracing::error!(job.id = %self.job_id, chunk = chunk.chunk, %error, "cannot read what a chunk holds");
            match error {
                // Somebody newer wrote it, and somebody newer will read it.
                ChunkError::UnknownFormat(_) => NotSaved::NotNow,
                _ => NotSaved::Never(JobReason::PayloadUnreadable),
            }
        })?;
        if rows.len() != usize::try_from(chunk.n_rows).unwrap_or(usize::MAX) {
            return Err(NotSaved::Never(JobReason::PayloadUnreadable));
        }
        Ok(rows)
    }

    async fn save(
        &self,
        chunk: &ClaimedChunk,
        rows: Vec<JobRow>,
    ) -> Result<Option<SavedChunk>, ShuttingDown> {
        let save = || carillon_store::job::save_chunk(&self.cx.store, chunk, &rows);
        match patience::store(&self.cx.shutdown, "save-chunk", save).await? {
            Ok(saved) => Ok(Some(saved)),
            Err(error) => {
                tracing::error!(job.id = %self.job_id, chunk = chunk.chunk, %error, "a chunk is refused");
                self.end(chunk, JobEvent::Failed, JobReason::RefusedByDatabase)
                    .await?;
                Ok(None)
            }
        }
    }

    pub(super) async fn give_back(
        &self,
        chunk: &ClaimedChunk,
        wait: Duration,
    ) -> Result<(), ShuttingDown> {
        let give_back = || carillon_store::job::give_back_chunk(&self.cx.store, chunk, wait);
        if let Err(error) = patience::store(&self.cx.shutdown, "give-back-chunk", give_back).await?
        {
            tracing::warn!(job.id = %self.job_id, %error, "cannot give a chunk back; its lease ends");
        }
        Ok(())
    }
}

/// Deliver tasks for all ids, new or not: the first try may have died between saving and
/// publishing.
fn deliver_tasks(chunk: &ClaimedChunk, ids: &[NotificationId]) -> Vec<Option<Outgoing>> {
    let trace = carillon_trace::current();
    let ids = ids.iter().map(|id| Deliverable {
        id: *id,
        service_id: chunk.service_id,
        channel: chunk.channel,
        queue: chunk.queue,
    });
    Deliver::all(ids)
        .into_iter()
        .map(|(queue, task)| {
            // Ids always have a JSON form; if not, the rescue delivers them.
            let message = Outgoing::task(queue, carillon_core::id::mint(), &task).ok()?;
            Some(message.traced(trace))
        })
        .collect()
}
