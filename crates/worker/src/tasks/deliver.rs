//! Deliver notifications: claim what can start now, call providers, settle each task when its last
//! id is settled.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use carillon_amqp::Delivery;
use carillon_core::id::NotificationId;
use carillon_core::queue::Queue;
use carillon_core::reason::{QuarantineReason, Reason};
use carillon_core::task::{Deliver, MarkLane, Task};
use carillon_core::trace::TraceContext;
use carillon_runtime::crash_point;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tracing::Instrument;

use super::apply_receipts::describe;
use super::mark_lane;
use crate::context::Context;
use crate::delivery::IdInHand;
use crate::patience::{self, ShuttingDown};
use crate::quarantine;

/// An id in this worker's hands that is not claimed yet.
struct Unstarted {
    id: NotificationId,
    in_hand: IdInHand,
    taken_at: Instant,
    /// The span that published its task, if somebody records it.
    published_by: Option<TraceContext>,
}

struct Lane<'a> {
    cx: &'a Context,
    queue: Queue,
    slots: Arc<Semaphore>,
    n_slots: usize,
    /// Slots that are not used while more urgent lanes have work.
    kept_back: Option<OwnedSemaphorePermit>,
    unstarted: VecDeque<Unstarted>,
}

/// How often unstarted ids are looked at for having waited too long.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The wait of ids that are given back: another worker may be free at once.
const GIVEN_BACK_FOR: Duration = Duration::from_secs(1);

/// Runs until the consumer ends. Ids that have not started then go back with their task.
pub(crate) async fn run(cx: &Context, queue: Queue, mut tasks: mpsc::Receiver<Delivery>) {
    let n_slots = cx.settings.delivery.slots.max(1);
    let slots = Arc::new(Semaphore::new(n_slots));
    let mut lane = Lane {
        cx,
        queue,
        slots,
        n_slots,
        kept_back: None,
        unstarted: VecDeque::new(),
    };
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        lane.give_way();
        let want = lane.n_claimable();
        let step = tokio::select! {
            biased;
            () = cx.shutdown.cancelled() => return,
            _ = look.tick() => lane.give_back_what_waits().await,
            // Everything the prefetch lets through is taken in at once, so that the time an id
            // has been in this worker's hands is known.
            task = tasks.recv() => match task {
                Some(task) => lane.take_in(task).await,
                None => return,
            },
            permits = Arc::clone(&lane.slots).acquire_many_owned(want),
                if !lane.unstarted.is_empty() => match permits {
                    Ok(permits) => lane.start(permits).await,
                    Err(_) => return,
                },
        };
        if step.is_err() {
            return;
        }
    }
}

impl Lane<'_> {
    /// Keeps slots back while this lane is to give way, as they become free, and lets go of them
    /// when it need not.
    fn give_way(&mut self) {
        let others_have_work = self.cx.deliveries.urgency.is_felt();
        let n_used = self.queue.lane().share(self.n_slots, others_have_work);
        let n_wanted = self.n_slots - n_used;
        if n_wanted == 0 {
            self.kept_back = None;
            return;
        }
        let n_kept = self.n_kept_back();
        let n_free = self.slots.available_permits();
        let n_more = n_wanted.saturating_sub(n_kept).min(n_free);
        let Ok(n_more) = u32::try_from(n_more) else {
            return;
        };
        if let Ok(more) = Arc::clone(&self.slots).try_acquire_many_owned(n_more) {
            match &mut self.kept_back {
                Some(kept) => kept.merge(more),
                none => *none = Some(more),
            }
        }
    }

    fn n_kept_back(&self) -> usize {
        let kept = self.kept_back.as_ref();
        kept.map_or(0, OwnedSemaphorePermit::num_permits)
    }

    /// How many slots to wait for before claiming: enough that a claim is worth its statement,
    /// never more than a quarter of those in use, so that slots do not lie idle.
    fn n_claimable(&self) -> u32 {
        let worthwhile = ((self.n_slots - self.n_kept_back()) / 4).max(1);
        u32::try_from(self.unstarted.len().clamp(1, worthwhile)).unwrap_or(1)
    }

    async fn take_in(&mut self, delivery: Delivery) -> Result<(), ShuttingDown> {
        if delivery.task == MarkLane::NAME {
            if let Ok(marker) = serde_json::from_slice::<MarkLane>(&delivery.payload) {
                mark_lane::handle(self.cx, &marker).await?;
            }
            delivery.settle();
            return Ok(());
        }
        let name_and_version = (delivery.task.as_str(), delivery.version);
        let refused = if name_and_version == (Deliver::NAME, Deliver::VERSION) {
            match serde_json::from_slice::<Deliver>(&delivery.payload) {
                Ok(deliver) => {
                    let (taken_at, published_by) = (Instant::now(), delivery.trace);
                    let in_hand = IdInHand::all_of(delivery, deliver.ids.len());
                    let unstarted = deliver.ids.into_iter().zip(in_hand);
                    self.unstarted
                        .extend(unstarted.map(|(id, in_hand)| Unstarted {
                            id,
                            in_hand,
                            taken_at,
                            published_by,
                        }));
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
        quarantine::put(self.cx, self.queue.as_str(), task, reason, &detail, payload).await?;
        delivery.settle();
        Ok(())
    }

    /// Claims as many ids as there are slots and starts their calls.
    async fn start(&mut self, mut permits: OwnedSemaphorePermit) -> Result<(), ShuttingDown> {
        // Take the other free slots too: one claim for all that can start.
        while permits.num_permits() < self.unstarted.len() {
            let Ok(more) = Arc::clone(&self.slots).try_acquire_owned() else {
                break;
            };
            permits.merge(more);
        }
        if !self.queue.gives_way() {
            self.cx.deliveries.urgency.note();
        }
        let n = permits.num_permits().min(self.unstarted.len());
        let starting: Vec<Unstarted> = self.unstarted.drain(..n).collect();
        let ids: Vec<_> = starting.iter().map(|unstarted| unstarted.id).collect();
        let token = carillon_core::id::mint();
        let claim = || self.cx.deliveries.claim(&ids, token);
        let claimed = patience::store(&self.cx.shutdown, Deliver::NAME, claim).await?;
        let mut claimed = claimed.unwrap_or_else(|error| {
            // The rows are the truth: the rescue brings them again.
            tracing::error!(queue = %self.queue, n_rows = ids.len(), %error, "cannot claim");
            HashMap::new()
        });
        crash_point!("worker.deliver.claimed");
        for unstarted in starting {
            let Unstarted {
                id,
                in_hand,
                published_by,
                ..
            } = unstarted;
            let Some(row) = claimed.remove(&id) else {
                // Sent, waiting, or in another worker's hands: nothing to do.
                in_hand.settle();
                continue;
            };
            // There is a permit for every id that was drained.
            let Some(slot) = permits.split(1) else { break };
            let deliveries = Arc::clone(&self.cx.deliveries);
            let span = row.span(self.queue, published_by);
            let delivery = async move { deliveries.deliver(row, in_hand, slot).await };
            self.cx.tasks.spawn("delivery", delivery.instrument(span));
        }
        Ok(())
    }

    /// Ids that were not started in time go back to waiting with a reason: this worker is slow or
    /// its provider is, and nobody must wonder where they are (house rule 2).
    async fn give_back_what_waits(&mut self) -> Result<(), ShuttingDown> {
        metrics::gauge!("carillon_unstarted", "queue" => self.queue.as_str())
            .set(self.unstarted.len() as f64);
        let limit = self.cx.settings.delivery.unstarted_limit;
        let n = self
            .unstarted
            .partition_point(|u| u.taken_at.elapsed() >= limit);
        if n == 0 {
            return Ok(());
        }
        let late: Vec<_> = self.unstarted.drain(..n).collect();
        let ids: Vec<_> = late.iter().map(|unstarted| unstarted.id).collect();
        let hold = || {
            let reason = Reason::GivenBack;
            carillon_store::notification::hold(
                &self.cx.store,
                &ids,
                reason,
                GIVEN_BACK_FOR,
                "worker",
            )
        };
        if let Err(error) = patience::store(&self.cx.shutdown, "give-back", hold).await? {
            tracing::error!(queue = %self.queue, n_rows = ids.len(), %error, "cannot give back");
        }
        late.into_iter()
            .for_each(|unstarted| unstarted.in_hand.settle());
        Ok(())
    }
}
