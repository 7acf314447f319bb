//! Apply receipts, in batches over all messages in hand. One that names nothing known, and may only
//! be early, is parked; the poller brings it back.

use std::time::Duration;

use carillon_amqp::Delivery;
use carillon_core::id::NotificationId;
use carillon_core::queue::Queue;
use carillon_core::reason::{QuarantineReason, UnknownName};
use carillon_core::receipt::Receipt;
use carillon_core::task::{ApplyReceipts, Task};
use carillon_core::trace::TraceContext;
use carillon_runtime::crash_point;
use carillon_store::notification::Applied;
use carillon_store::parked_receipt;
use carillon_trace::Operation;
use chrono::{DateTime, Utc};
use tokio::sync::mpsc;
use tracing::Instrument;

use crate::context::Context;
use crate::patience::{self, ShuttingDown};
use crate::{intake, quarantine};

/// How long receipts wait for company; they are in no hurry.
const WAIT: Duration = Duration::from_millis(25);
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
        Ok(applied) => {
            let Applied {
                unknown,
                traces,
                n_callback_events,
            } = applied;
            count(receipts);
            tell(&traces);
            if n_callback_events > 0 {
                cx.waker.callbacks();
            }
            let now = carillon_core::clock::now();
            let (early, lost): (Vec<&Receipt>, Vec<&Receipt>) =
                unknown.into_iter().partition(|one| may_be_early(one, now));
            park(cx, queue, &early).await?;
            for receipt in lost {
                let reason = QuarantineReason::UnknownNotification;
                set_aside(cx, queue, receipt, reason, "").await?;
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

/// Whether a receipt that names nothing known may have come before what it names was saved. Without
/// our id there is no telling, so it is given the same time.
fn may_be_early(receipt: &Receipt, now: DateTime<Utc>) -> bool {
    let Some(id) = receipt.notification_id else {
        return true;
    };
    // Ids carry the host's time, and hosts' clocks differ a little.
    id.time()
        .and_then(|time| (now - time).abs().to_std().ok())
        .is_some_and(|age| age < parked_receipt::PATIENCE)
}

/// Parks them together; if PostgreSQL refuses one, one by one.
async fn park(cx: &Context, queue: &str, receipts: &[&Receipt]) -> Result<(), ShuttingDown> {
    if receipts.is_empty() {
        return Ok(());
    }
    let parking = || async {
        let queue = queue_of(queue)?;
        parked_receipt::park(&cx.store, queue, receipts).await
    };
    match patience::store(&cx.shutdown, "parking", parking).await? {
        Ok(n_new) => {
            metrics::counter!("carillon_parked_receipts_total").increment(n_new as u64);
            crash_point!("worker.receipts.parked");
        }
        Err(_) if receipts.len() > 1 => {
            for receipt in receipts {
                Box::pin(park(cx, queue, &[receipt])).await?;
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

/// The queue to which a parked receipt comes back: a dead letter's is the one it fell out of.
fn queue_of(name: &str) -> carillon_store::Result<Queue> {
    let name = name.strip_suffix(".dead").unwrap_or(name);
    name.parse()
        .map_err(|error: UnknownName| carillon_store::Error::Refused(error.to_string()))
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

#[cfg(test)]
mod tests {
    use carillon_core::receipt::ReceiptKind;

    use super::*;

    fn receipt(notification_id: Option<NotificationId>) -> Receipt {
        Receipt {
            notification_id,
            event_id: "e".to_owned(),
            provider: "sns".to_owned(),
            reference: "r".to_owned(),
            kind: ReceiptKind::Delivered,
            at: carillon_core::clock::now(),
            detail: None,
            subtype: None,
        }
    }

    #[test]
    fn a_receipt_may_be_early_for_an_hour_and_without_our_id_always() {
        let now = carillon_core::clock::now();
        let minutes = |n| NotificationId::lower_bound(now - chrono::Duration::minutes(n));
        let v7 = |id: NotificationId| {
            let bits = id.0.as_u128() | (7 << 76) | (2 << 62);
            NotificationId(uuid::Uuid::from_u128(bits))
        };
        assert!(may_be_early(&receipt(None), now));
        assert!(may_be_early(&receipt(Some(NotificationId::mint())), now));
        assert!(may_be_early(&receipt(Some(v7(minutes(59)))), now));
        assert!(!may_be_early(&receipt(Some(v7(minutes(61)))), now));
        assert!(!may_be_early(&receipt(Some(v7(minutes(-61)))), now));
        assert!(!may_be_early(
            &receipt(Some(NotificationId(uuid::Uuid::max()))),
            now
        ));
    }

    #[test]
    fn a_dead_letter_comes_back_to_the_queue_it_fell_out_of() {
        assert_eq!(queue_of("sms-callbacks").unwrap(), Queue::SmsCallbacks);
        assert_eq!(queue_of("ses-callbacks.dead").unwrap(), Queue::SesCallbacks);
        assert!(queue_of("elsewhere").is_err());
    }
}
