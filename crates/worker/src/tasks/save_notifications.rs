//! Save accepted notifications: one transaction for a batch, then deliver tasks for all its ids,
//! then the acknowledgement. Until the first is committed the queue holds the only copy.

use std::time::Duration;

use bytes::Bytes;
use carillon_amqp::{Delivery, Outgoing};
use carillon_core::id::NotificationId;
use carillon_core::queue::Queue;
use carillon_core::reason::QuarantineReason;
use carillon_core::task::{Deliver, MarkLane, SaveNotification, Task};
use carillon_runtime::crash_point;
use carillon_trace::Operation;
use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tracing::Instrument;

use super::apply_receipts::describe;
use super::mark_lane;
use crate::context::Context;
use crate::patience::{self, ShuttingDown};
use crate::{intake, quarantine};

/// Ids older than this have no place among the partitions.
const OLDEST_ID: chrono::Duration = chrono::Duration::days(35);
/// Ids from further ahead than clocks can differ.
const NEWEST_ID: chrono::Duration = chrono::Duration::days(1);

/// Runs until the consumer ends.
pub(crate) async fn run(cx: &Context, queue: &str, deliveries: mpsc::Receiver<Delivery>) {
    let wait = if queue == Queue::DatabasePriority.as_str() {
        Duration::ZERO
    } else {
        cx.settings.save.batch_wait
    };
    // Messages hold one notification when it is quiet and up to a hundred under load.
    let bounds = (cx.settings.save.batch_rows.max(1), wait);
    intake::run(cx, queue, deliveries, bounds, |batch| {
        handle(cx, queue, batch)
    })
    .await;
}

async fn handle(cx: &Context, queue: &str, batch: Vec<Delivery>) -> Result<(), ShuttingDown> {
    let (markers, batch): (Vec<_>, Vec<_>) = batch
        .into_iter()
        .partition(|delivery| delivery.task == MarkLane::NAME);
    if !batch.is_empty() {
        let traces = batch.iter().filter_map(|delivery| delivery.trace);
        let span = carillon_trace::hop(Operation::Process, queue, traces);
        save_and_hand_on(cx, queue, batch).instrument(span).await?;
    }
    // What this worker took before them is saved by now.
    for delivery in markers {
        if let Ok(marker) = serde_json::from_slice::<MarkLane>(&delivery.payload) {
            mark_lane::handle(cx, &marker).await?;
        }
        delivery.settle();
    }
    Ok(())
}

async fn save_and_hand_on(
    cx: &Context,
    queue: &str,
    batch: Vec<Delivery>,
) -> Result<(), ShuttingDown> {
    let mut rows = Vec::new();
    for delivery in &batch {
        let (read, refused) = read(delivery, carillon_core::clock::now());
        rows.extend(read);
        for Refused {
            reason,
            detail,
            payload,
        } in refused
        {
            quarantine::put(cx, queue, &delivery.task, reason, &detail, &payload).await?;
        }
    }
    crash_point!("worker.save.read");
    for chunk in rows.chunks(cx.settings.save.batch_rows.max(1)) {
        save(cx, queue, chunk).await?;
    }
    crash_point!("worker.save.committed");
    let messages = deliver_tasks(&rows);
    patience::publish(&cx.shutdown, &cx.publisher, &messages).await?;
    crash_point!("worker.save.published");
    metrics::counter!("carillon_saved_total", "queue" => queue.to_owned())
        .increment(rows.len() as u64);
    batch.into_iter().for_each(Delivery::settle);
    Ok(())
}

/// Saves the rows together; if PostgreSQL refuses, in halves down to the one it refuses.
async fn save(cx: &Context, queue: &str, rows: &[SaveNotification]) -> Result<(), ShuttingDown> {
    let started = std::time::Instant::now();
    let saving = || carillon_store::notification::save(&cx.store, rows, None);
    match patience::store(&cx.shutdown, SaveNotification::NAME, saving).await? {
        Ok(n_new) => {
            metrics::histogram!("carillon_save_seconds").record(started.elapsed().as_secs_f64());
            tracing::debug!(queue, n_rows = rows.len(), n_new, "saved");
            Ok(())
        }
        Err(error) => match rows {
            [] => Ok(()),
            [row] => {
                let payload = serde_json::to_vec(row).unwrap_or_default();
                let reason = QuarantineReason::RefusedByDatabase;
                let task = SaveNotification::NAME;
                quarantine::put(cx, queue, task, reason, &error.to_string(), &payload).await
            }
            _ => {
                let (first, second) = rows.split_at(rows.len() / 2);
                Box::pin(save(cx, queue, first)).await?;
                Box::pin(save(cx, queue, second)).await
            }
        },
    }
}

/// Deliver tasks for all ids, new or not: the first try may have died between saving and
/// publishing. Those scheduled for later wait for the poller.
fn deliver_tasks(rows: &[SaveNotification]) -> Vec<Outgoing> {
    let trace = carillon_trace::current();
    let rows = rows.iter().filter(|row| row.scheduled_for.is_none());
    Deliver::all(rows.map(Into::into))
        .into_iter()
        .filter_map(|(queue, task)| {
            // Ids always have a JSON form; if not, the rescue delivers them.
            let message = Outgoing::task(queue, carillon_core::id::mint(), &task).ok()?;
            Some(message.traced(trace))
        })
        .collect()
}

struct Refused {
    reason: QuarantineReason,
    detail: String,
    payload: Bytes,
}

/// Reads a message's elements, each by itself: a malformed one harms no other.
fn read(delivery: &Delivery, now: DateTime<Utc>) -> (Vec<SaveNotification>, Vec<Refused>) {
    let refuse = |reason, detail: String, payload: &[u8]| Refused {
        reason,
        detail,
        payload: Bytes::copy_from_slice(payload),
    };
    let name_and_version = (delivery.task.as_str(), delivery.version);
    if name_and_version != (SaveNotification::NAME, SaveNotification::VERSION) {
        let detail = format!("{} version {}", delivery.task, delivery.version);
        return (
            vec![],
            vec![refuse(
                QuarantineReason::UnknownTask,
                detail,
                &delivery.payload,
            )],
        );
    }
    let elements: Vec<&RawValue> = match serde_json::from_slice(&delivery.payload) {
        Ok(elements) => elements,
        Err(error) => {
            let refused = refuse(
                QuarantineReason::Malformed,
                describe(&error),
                &delivery.payload,
            );
            return (vec![], vec![refused]);
        }
    };
    let (mut rows, mut refused) = (Vec::with_capacity(elements.len()), Vec::new());
    for element in elements {
        let bytes = element.get().as_bytes();
        match serde_json::from_str::<SaveNotification>(element.get()) {
            Ok(row) if is_in_range(row.id, now) => rows.push(row),
            Ok(row) => {
                let detail = format!("the time in id {} is out of range", row.id);
                refused.push(refuse(QuarantineReason::IdOutOfRange, detail, bytes));
            }
            Err(error) => {
                refused.push(refuse(QuarantineReason::Malformed, describe(&error), bytes));
            }
        }
    }
    (rows, refused)
}

fn is_in_range(id: NotificationId, now: DateTime<Utc>) -> bool {
    id.time()
        .is_some_and(|time| now - time < OLDEST_ID && time - now < NEWEST_ID)
}
