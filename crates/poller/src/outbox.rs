//! The outbox: relaying events whose wait is over to the queues of calls. Committed as on their
//! way, then published.

use std::collections::BTreeMap;
use std::time::Duration;

use carillon_amqp::{Outgoing, Publisher};
use carillon_core::id::{CallbackEventId, CallbackId};
use carillon_core::queue::Queue;
use carillon_core::task::CallService;
use carillon_core::webhook::CallWait;
use carillon_runtime::crash_point;
use carillon_store::callback::{self, Relayed};
use carillon_store::wake::{self, Channel};
use carillon_store::{Error, Store};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::publish::{self, Failed, Share};

/// The wait before listening again after the connection was lost.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// Relays until nothing is due that has room. While the broker is away nothing is touched.
pub(crate) async fn all_due(
    store: &Store,
    publisher: &Publisher,
    calls_per_endpoint: usize,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let slots = u32::try_from(calls_per_endpoint).unwrap_or(u32::MAX);
    while publisher.is_connected() && !shutdown.is_cancelled() {
        let relayed = callback::relay(store, slots).await?;
        if relayed.is_empty() {
            break;
        }
        // Between this commit and the publish a crash leaves events on their way that are in no
        // queue: the watermark proves it and the rescue brings them back.
        crash_point!("poller.outbox.committed");
        let (failed, is_all) = publish::by_queue(publisher, shares(&relayed)?).await;
        for Failed {
            queue,
            ids,
            error,
            wait,
        } in &failed
        {
            tracing::warn!(%queue, n_rows = ids.len(), %error, "cannot relay calls");
            callback::hold(store, ids, CallWait::BrokerAway, *wait).await?;
        }
        if is_all && let Some(Failed { error, .. }) = failed.into_iter().next() {
            return Err(error.into());
        }
        for event in &relayed {
            metrics::counter!("carillon_relayed_total", "queue" => event.queue.as_str())
                .increment(1);
        }
        tracing::debug!(n_rows = relayed.len(), "relayed calls");
    }
    Ok(())
}

/// One message for each endpoint and queue, or several when there are many.
fn shares(relayed: &[Relayed]) -> anyhow::Result<BTreeMap<Queue, Share<CallbackEventId>>> {
    let mut by_endpoint: BTreeMap<(Queue, CallbackId), Vec<CallbackEventId>> = BTreeMap::new();
    for event in relayed {
        let key = (event.queue, event.callback_id);
        by_endpoint.entry(key).or_default().push(event.id);
    }
    let mut shares: BTreeMap<Queue, Share<CallbackEventId>> = BTreeMap::new();
    for ((queue, callback_id), mut ids) in by_endpoint {
        // In order of time, as far as their ids tell it.
        ids.sort_unstable();
        let share = shares.entry(queue).or_default();
        for ids in ids.chunks(CallService::MAX_IDS) {
            let task = CallService {
                callback_id,
                ids: ids.to_vec(),
            };
            let outgoing = Outgoing::task(queue, carillon_core::id::mint(), &task)?;
            share.tasks.push(outgoing);
        }
        share.ids.append(&mut ids);
    }
    Ok(shares)
}

/// Sets the gauges of what waits.
pub(crate) async fn measure(store: &Store) -> anyhow::Result<()> {
    let backlog = callback::backlog(store).await?;
    metrics::gauge!("carillon_callback_endpoints_paused").set(backlog.n_paused as f64);
    metrics::gauge!("carillon_callback_events_waiting").set(backlog.n_waiting as f64);
    metrics::gauge!("carillon_callback_events_overdue_seconds").set(backlog.overdue_seconds);
    Ok(())
}

/// Wakes the outbox whenever events were written, on a connection of its own past any pooler. A
/// lost notification costs one interval of the outbox.
pub(crate) async fn listen(direct: &Store, wake: &Notify, shutdown: &CancellationToken) {
    let mut was_well = true;
    while !shutdown.is_cancelled() {
        let listening = wake::listen(direct, Channel::CallbackEvents, || wake.notify_one());
        let lost = shutdown.run_until_cancelled(listening).await;
        let Some(Err(error)) = lost else { return };
        report(&error, &mut was_well);
        tokio::select! {
            () = tokio::time::sleep(LISTEN_AGAIN) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

fn report(error: &Error, was_well: &mut bool) {
    if std::mem::replace(was_well, false) {
        tracing::warn!(%error, "cannot listen for events; looking at intervals, and listening again");
    }
}
