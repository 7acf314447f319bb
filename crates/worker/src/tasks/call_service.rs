//! Tell services of changes: claim what can start now, call, settle each task when its last id is
//! settled.
//!
//! Slots are counted in all and for each endpoint. An endpoint that hangs takes its share and no
//! more: what it has waiting stays in a queue of its own, and goes back to PostgreSQL when it was
//! unstarted for too long. Whether an endpoint is left alone is known to PostgreSQL alone: the claim
//! gives back what is for it.

mod caller;
mod endpoints;
mod recorder;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use carillon_amqp::Delivery;
use carillon_core::id::{CallbackEventId, CallbackId};
use carillon_core::queue::Queue;
use carillon_core::reason::QuarantineReason;
use carillon_core::task::{CallService, MarkLane, Task};
use carillon_core::trace::TraceContext;
use carillon_core::webhook::{CallWait, Ladder};
use carillon_runtime::crash_point;
use carillon_store::callback;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::Instrument;

use super::apply_receipts::describe;
use super::mark_lane;
use crate::context::Context;
use crate::delivery::IdInHand;
use crate::patience::{self, ShuttingDown};
use crate::quarantine;
use caller::{Caller, Held, Slot};
use endpoints::{Endpoints, Standing};
use recorder::Recorder;

/// An id in this worker's hands that is not claimed yet.
struct Unstarted {
    id: CallbackEventId,
    in_hand: IdInHand,
    queue: Queue,
    /// The span that published its task, if somebody records it.
    published_by: Option<TraceContext>,
}

/// Between a call's time-out and the end of its lease: for claiming and marking.
const LEASE_MARGIN: Duration = Duration::from_secs(2);
/// How often unstarted ids are looked at for having waited too long.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The wait of ids that are given back: another worker may be free at once.
const GIVEN_BACK_FOR: Duration = Duration::from_secs(1);

/// A delivery and the queue it came from.
pub(crate) type FromQueue = (Queue, Delivery);

struct Runner<'a> {
    cx: &'a Context,
    endpoints: Endpoints<Unstarted>,
    caller: Arc<Caller>,
    freed: mpsc::UnboundedSender<CallbackId>,
}

/// Runs until the consumers end. Ids that have not started then go back with their task.
pub(crate) async fn run(cx: &Context, mut tasks: mpsc::Receiver<FromQueue>) {
    let settings = &cx.settings.callbacks;
    let (freed, mut ended) = mpsc::unbounded_channel();
    let caller = Caller {
        store: cx.store.clone(),
        webhooks: Arc::clone(&cx.webhooks),
        ladder: Ladder {
            scale: settings.retry_scale,
        },
        recorder: Recorder::start(cx.store.clone(), &cx.tasks),
        call_needs: settings.timeout + LEASE_MARGIN,
    };
    let mut runner = Runner {
        cx,
        endpoints: Endpoints::new(settings.in_flight, settings.in_flight_per_endpoint),
        caller: Arc::new(caller),
        freed,
    };
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        let step = tokio::select! {
            biased;
            () = cx.shutdown.cancelled() => return,
            Some(endpoint) = ended.recv() => {
                runner.endpoints.ended(endpoint);
                Ok(())
            }
            _ = look.tick() => runner.look().await,
            task = tasks.recv() => match task {
                Some((queue, task)) => runner.take_in(queue, task).await,
                None => return,
            },
        };
        // Everything that has come meanwhile first: one claim for all that can start.
        while let Ok(endpoint) = ended.try_recv() {
            runner.endpoints.ended(endpoint);
        }
        if step.is_err() || runner.start().await.is_err() {
            return;
        }
    }
}

impl Runner<'_> {
    async fn take_in(&mut self, queue: Queue, delivery: Delivery) -> Result<(), ShuttingDown> {
        if delivery.task == MarkLane::NAME {
            if let Ok(marker) = serde_json::from_slice::<MarkLane>(&delivery.payload) {
                mark_lane::handle(self.cx, &marker).await?;
            }
            delivery.settle();
            return Ok(());
        }
        let name_and_version = (delivery.task.as_str(), delivery.version);
        let refused = if name_and_version == (CallService::NAME, CallService::VERSION) {
            match serde_json::from_slice::<CallService>(&delivery.payload) {
                Ok(task) => {
                    self.queue_up(queue, task, delivery);
                    return Ok(());
                }
                Err(error) => (QuarantineReason::Malformed, describe(&error)),
            }
        } else {
            let detail = format!("{} version {}", delivery.task, delivery.version);
            (QuarantineReason::UnknownTask, detail)
        };
        let (reason, detail) = refused;
        let (task, payload) = (&delivery.task, &delivery.payload);
        quarantine::put(self.cx, queue.as_str(), task, reason, &detail, payload).await?;
        delivery.settle();
        Ok(())
    }

    fn queue_up(&mut self, queue: Queue, task: CallService, delivery: Delivery) {
        // The relay knows how the endpoint is, and sends what is behind another way.
        let standing = match queue {
            Queue::CallbacksRetry => Standing::IsBehind,
            _ => Standing::KeepsUp,
        };
        let published_by = delivery.trace;
        let in_hand = IdInHand::all_of(delivery, task.ids.len());
        let unstarted = task.ids.into_iter().zip(in_hand);
        let unstarted = unstarted.map(|(id, in_hand)| Unstarted {
            id,
            in_hand,
            queue,
            published_by,
        });
        let now = Instant::now();
        self.endpoints
            .take_in(task.callback_id, standing, now, unstarted);
    }

    /// Claims what there are slots for and starts the calls.
    async fn start(&mut self) -> Result<(), ShuttingDown> {
        let starting = self.endpoints.start();
        if starting.is_empty() {
            return Ok(());
        }
        let events: Vec<_> = starting
            .iter()
            .map(|(endpoint, unstarted)| (*endpoint, unstarted.id))
            .collect();
        let token = carillon_core::id::mint();
        let lease = self.cx.settings.delivery.lease;
        let claim = || async {
            let lease_ends = Instant::now() + lease;
            let rows = callback::claim(&self.cx.store, &events, token, lease).await?;
            Ok((rows, lease_ends))
        };
        let claimed = patience::store(&self.cx.shutdown, CallService::NAME, claim).await?;
        let (rows, lease_ends) = claimed.unwrap_or_else(|error| {
            // The rows are the truth: the rescue brings them again.
            tracing::error!(n_rows = events.len(), %error, "cannot claim calls");
            (Vec::new(), Instant::now())
        });
        let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.id, row)).collect();
        crash_point!("worker.call_service.claimed");
        for (endpoint, unstarted) in starting {
            let slot = Slot {
                endpoint,
                freed: self.freed.clone(),
            };
            let Some(row) = rows.remove(&unstarted.id) else {
                // Told, waiting (again), unwanted, or in another worker's hands: nothing to do.
                unstarted.in_hand.settle();
                continue;
            };
            let held = Held {
                row,
                token,
                lease_ends,
                id: unstarted.in_hand,
                slot,
            };
            let span = held.span(unstarted.queue, unstarted.published_by);
            let caller = Arc::clone(&self.caller);
            let call = async move { caller.tell(held).await };
            self.cx.tasks.spawn("service-call", call.instrument(span));
        }
        if self.endpoints.take_runs_low() {
            self.cx.waker.callbacks();
        }
        Ok(())
    }

    /// Ids that were not started in time go back to waiting with a reason (house rule 2).
    async fn look(&mut self) -> Result<(), ShuttingDown> {
        metrics::gauge!("carillon_service_calls_unstarted")
            .set(self.endpoints.n_unstarted() as f64);
        metrics::gauge!("carillon_service_calls_in_flight")
            .set(self.endpoints.n_in_flight() as f64);
        let late = self
            .endpoints
            .take_late(Instant::now(), self.unstarted_limit());
        if late.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = late.iter().map(|unstarted| unstarted.id).collect();
        let (reason, wait) = (CallWait::GivenBack, GIVEN_BACK_FOR);
        let hold = || callback::hold(&self.cx.store, &ids, reason, wait);
        if let Err(error) = patience::store(&self.cx.shutdown, "give-back", hold).await? {
            tracing::error!(n_rows = ids.len(), %error, "cannot give calls back");
        }
        late.into_iter().for_each(|one| one.in_hand.settle());
        Ok(())
    }

    /// What has not started for as long as a call may take is more than its endpoint can take now,
    /// and its messages are not to fill the queue.
    fn unstarted_limit(&self) -> Duration {
        let settings = &self.cx.settings;
        let limit = settings.delivery.unstarted_limit;
        limit.min(settings.callbacks.timeout)
    }
}
