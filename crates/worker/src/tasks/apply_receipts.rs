//! Apply receipts, in batches over all messages in hand.

use std::time::Duration;

use carillon_amqp::Delivery;
use carillon_core::id::NotificationId;
use carillon_core::reason::QuarantineReason;
use carillon_core::receipt::Receipt;
use carillon_core::task::{ApplyReceipts, Task};
use carillon_core::trace::TraceContext;
use carillon_runtime::crash_point;
use carillon_store::notification::Applied;
use carillon_trace::Operation;
use tokio::sync::mpsc;
use tracing::Instrument;

use crate::context::Context;
use crate::patience::{self, ShuttingDown};
use crate::{intake, quarantine};

/// How long receipts wait for company; they are in no hurry.
const WAIT: Duration = Duration::from_millis(10);
/// Messages of one batch; each holds one receipt or a few.
const BATCH: usize = 200;

/// Runs until the consumer ends.
pub(crate) async fn run(cx: &Context, queue: &str, deliveries: mpsc::Receiver<Delivery>) {
    intake::run(cx, queue, deliveries, (BATCH, WAIT), |batch| {
        handle(cx, queue, batch)
    })
    .await;
}

async fn handle(cx: &Context, queue: &str, batch: Vec<Delivery>) -> Result<(), ShuttingDown> {
    let traces = batch.iter().filter_map(|delivery| delivery.trace);
    let span = carillon_trace::hop(Operation::Process, queue, traces);
    read_and_apply(cx, queue, batch).instrument(span).await
}

async fn read_and_apply(
    cx: &Context,
    queue: &str,
    batch: Vec<Delivery>,
) -> Result<(), ShuttingDown> {
    let mut receipts = Vec::new();
    for delivery in &batch {
        match read(delivery) {
            Ok(task) => receipts.extend(task.receipts),
            Err((reason, detail)) => {
                let (task, payload) = (&delivery.task, &delivery.payload);
                quarantine::put(cx, queue, task, reason, &detail, payload).await?;
            }
        }
    }
    apply(cx, queue, &receipts).await?;
    crash_point!("worker.receipts.applied");
    batch.into_iter().for_each(Delivery::settle);
    Ok(())
}

/// Applies them together; if PostgreSQL refuses one, one by one, so that it harms no other.
async fn apply(cx: &Context, queue: &str, receipts: &[Receipt]) -> Result<(), ShuttingDown> {
    let together = || carillon_store::notification::apply_receipts(&cx.store, receipts);
    match patience::store(&cx.shutdown, ApplyReceipts::NAME, together).await? {
        Ok(Applied { unknown, traces }) => {
            count(receipts);
            tell(&traces);
            for receipt in unknown {
                set_aside(
                    cx,
                    queue,
                    receipt,
                    QuarantineReason::UnknownNotification,
                    "",
                )
                .await?;
            }
        }
        Err(_) if receipts.len() > 1 => {
            for receipt in receipts {
                Box::pin(apply(cx, queue, std::slice::from_ref(receipt))).await?;
            }
        }
        Err(error) => {
            for receipt in receipts {
                let reason = QuarantineReason::RefusedByDatabase;
                set_aside(cx, queue, receipt, reason, &error.to_string()).await?;
            }
        }
    }
    Ok(())
}

async fn set_aside(
    cx: &Context,
    queue: &str,
    receipt: &Receipt,
    reason: QuarantineReason,
    detail: &str,
) -> Result<(), ShuttingDown> {
    let payload = serde_json::to_vec(receipt).unwrap_or_default();
    quarantine::put(cx, queue, ApplyReceipts::NAME, reason, detail, &payload).await
}

fn read(delivery: &Delivery) -> Result<ApplyReceipts, (QuarantineReason, String)> {
    if (delivery.task.as_str(), delivery.version) != (ApplyReceipts::NAME, ApplyReceipts::VERSION) {
        let detail = format!("{} version {}", delivery.task, delivery.version);
        return Err((QuarantineReason::UnknownTask, detail));
    }
    serde_json::from_slice(&delivery.payload)
        .map_err(|error| (QuarantineReason::Malformed, describe(&error)))
}

/// Where the JSON breaks, without quoting it: it may hold personal data.
pub(crate) fn describe(error: &serde_json::Error) -> String {
    format!(
        "{:?} error at line {} column {}",
        error.classify(),
        error.line(),
        error.column()
    )
}

/// A span for each message, in its own trace, so that a trace ends with what became of it.
fn tell(traces: &[(NotificationId, TraceContext)]) {
    let batch = carillon_trace::current();
    for (id, trace) in traces {
        let span = tracing::info_span!(
            target: carillon_trace::TARGET,
            "receipt",
            carillon.notification.id = %id,
        );
        let span = carillon_trace::child(span, *trace);
        if let Some(batch) = batch {
            carillon_trace::link(&span, batch);
        }
    }
}

fn count(receipts: &[Receipt]) {
    for receipt in receipts {
        metrics::counter!(
            "carillon_receipts_total",
            "provider" => receipt.provider.clone(), "kind" => receipt.kind.as_str()
        )
        .increment(1);
    }
}
