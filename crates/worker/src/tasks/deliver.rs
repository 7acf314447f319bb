//! Deliver notifications: in turns between services, claim what can start now, call providers,
//! settle each task when its last id is settled.

mod claims;
mod markers;
mod put_back;
mod unstarted;

use std::sync::Arc;
use std::time::Duration;

use carillon_amqp::Delivery;
use carillon_core::queue::Queue;
use carillon_core::reason::QuarantineReason;
use carillon_core::task::{Deliver, MarkLane, Task};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;

use super::apply_receipts::describe;
use crate::context::Context;
use crate::delivery::{Destination, TasksInHand, Turn, Wants};
use crate::patience::ShuttingDown;
use crate::quarantine;
use claims::{AT_ONCE, Claims};
use markers::Markers;
use unstarted::{Owner, Unstarted};

struct Lane<'a> {
    cx: &'a Context,
    queue: Queue,
    slots: Arc<Semaphore>,
    n_slots: usize,
    /// Slots that are not used while more urgent lanes have work.
    kept_back: Option<OwnedSemaphorePermit>,
    unstarted: Unstarted,
    tasks: TasksInHand,
    claims: Claims,
    wants: Wants,
    markers: Markers,
    /// When a claim began last, and whether others had all the turns.
    claimed_at: Option<Instant>,
    had_no_turn: bool,
    /// When room was made last.
    room_made_at: Option<Instant>,
}

/// Unsettled deliver tasks, each up to a hundred ids. So many that a service with little to send
/// seldom stands in the broker behind one with much: what is here is started in turns.
pub(super) const PREFETCH: u16 = 2_000;
/// With more tasks in hand room runs out.
const CROWDED: usize = PREFETCH as usize * 3 / 4;
/// The most unstarted ids: some megabytes.
const MOST_UNSTARTED: usize = 50_000;

/// How often unstarted ids are looked at for having waited too long, and for being too many.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The statement that makes room is done within this time.
const MAKE_ROOM_EVERY: Duration = Duration::from_millis(250);
/// Where there are fewer turns than ids, claims are at least so far apart, for each costs a statement.
const CLAIM_EVERY: Duration = Duration::from_millis(10);

/// When the next claim may begin.
enum Next {
    /// Once there are so many slots.
    Slots(u32),
    /// At this moment there may be turns.
    At(Instant),
    /// When something else has happened.
    Waits,
}

/// Runs until the consumer ends. Ids that have not started then go back with their task.
pub(crate) async fn run(cx: &Context, queue: Queue, mut tasks: mpsc::Receiver<Delivery>) {
    let n_slots = cx.settings.delivery.slots.max(1);
    let mut lane = Lane {
        cx,
        queue,
        slots: Arc::new(Semaphore::new(n_slots)),
        n_slots,
        kept_back: None,
        unstarted: Unstarted::default(),
        tasks: TasksInHand::default(),
        claims: Claims::default(),
        wants: Wants::new(Arc::clone(&cx.deliveries.turns), queue.lane()),
        markers: Markers::default(),
        claimed_at: None,
        had_no_turn: false,
        room_made_at: None,
    };
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        lane.give_way();
        let next = lane.next();
        let (want, at) = match next {
            Next::Slots(want) => (Some(want), None),
            Next::At(at) => (None, Some(at)),
            Next::Waits => (None, None),
        };
        let claim_ended = Arc::clone(&lane.claims.ended);
        tokio::select! {
            biased;
            () = cx.shutdown.cancelled() => return,
            _ = look.tick() => lane.look(),
            // Everything the prefetch lets through is taken in at once, so that the time an id
            // has been in this worker's hands is known, and who sends little has a turn.
            task = tasks.recv(), if lane.unstarted.len() < MOST_UNSTARTED => match task {
                Some(task) => if lane.take_in(task).await.is_err() {
                    return;
                },
                None => return,
            },
            permits = Arc::clone(&lane.slots).acquire_many_owned(want.unwrap_or(1)),
                if want.is_some() => match permits {
                    Ok(permits) => lane.start(permits),
                    Err(_) => return,
                },
            () = claim_ended.notified() => {}
            () = tokio::time::sleep_until(at.unwrap_or_else(Instant::now)), if at.is_some() => {}
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

    /// What the next claim waits for: slots, enough that a claim is worth its statement, never more
    /// than a part of those in use, so that slots do not lie idle; and turns at the providers.
    fn next(&mut self) -> Next {
        let n_used = self.n_slots - self.n_kept_back();
        let n_begun = self.claims.n_begun();
        // Claims beside each other take a larger part, so that what comes meanwhile goes into one.
        let part = if n_begun == 0 { 4 } else { 2 };
        let worthwhile = (n_used / part).max(1);
        let (n_startable, is_limited) = self.n_startable();
        let n_unstarted = self.unstarted.len();
        if n_unstarted == 0 || n_begun >= AT_ONCE || (n_begun > 0 && n_unstarted < worthwhile) {
            return Next::Waits;
        }
        if is_limited && (n_startable < worthwhile || self.had_no_turn) {
            let now = Instant::now();
            let earliest = self.claimed_at.map_or(now, |at| at + CLAIM_EVERY);
            if n_startable == 0 {
                return Next::At(earliest.max(now + CLAIM_EVERY));
            }
            if earliest > now {
                return Next::At(earliest);
            }
        }
        let want = n_startable.clamp(1, worthwhile);
        Next::Slots(u32::try_from(want).unwrap_or(1))
    }

    /// How many unstarted ids have a turn, and whether some have none; tells the other lanes what
    /// this one wants.
    fn n_startable(&mut self) -> (usize, bool) {
        let has_slots = self.slots.available_permits() > 0;
        let (mut n_startable, mut is_limited) = (0, false);
        for destination in Destination::ALL {
            let n = self.unstarted.count(destination);
            self.wants.set(destination, n > 0 && has_slots);
            if n == 0 {
                continue;
            }
            let n_open = self.cx.deliveries.n_turns(destination, n);
            let n_free = self.cx.deliveries.turns.n_free(destination, n_open);
            is_limited |= n_free < n;
            n_startable += n_free.min(n);
        }
        (n_startable, is_limited)
    }

    async fn take_in(&mut self, delivery: Delivery) -> Result<(), ShuttingDown> {
        if delivery.task == MarkLane::NAME {
            match serde_json::from_slice::<MarkLane>(&delivery.payload) {
                Ok(marker) => self.markers.take_in(marker, delivery),
                Err(_) => delivery.settle(),
            }
            self.markers.record_passed(self.cx, self.unstarted.oldest());
            return Ok(());
        }
        let name_and_version = (delivery.task.as_str(), delivery.version);
        let refused = if name_and_version == (Deliver::NAME, Deliver::VERSION) {
            match serde_json::from_slice::<Deliver>(&delivery.payload) {
                Ok(deliver) => {
                    let destination = Destination::of(self.queue, deliver.channel);
                    let in_hand = self.tasks.ids_of(delivery, deliver.ids.len());
                    for ((id, service), in_hand) in deliver.owned().zip(in_hand) {
                        let owner = Owner {
                            service,
                            destination,
                        };
                        self.unstarted.put(owner, id, in_hand);
                    }
                    self.make_room();
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

    /// Claims as many ids as there are slots and turns, in turns between services, and starts their
    /// calls.
    fn start(&mut self, mut permits: OwnedSemaphorePermit) {
        // Take the other free slots too: one claim for all that can start.
        let n_more = self.unstarted.len().saturating_sub(permits.num_permits());
        let n_more = n_more.min(self.slots.available_permits());
        if let Ok(n_more) = u32::try_from(n_more)
            && let Ok(more) = Arc::clone(&self.slots).try_acquire_many_owned(n_more)
        {
            permits.merge(more);
        }
        let (cx, lane) = (self.cx, self.queue.lane());
        let deliveries = &cx.deliveries;
        let mut turns: Vec<Turn> = Vec::with_capacity(permits.num_permits());
        let n_open = self.unstarted.n_open(deliveries);
        let starting = self.unstarted.take(permits.num_permits(), |destination| {
            let turn = deliveries
                .turns
                .take(destination, lane, *n_open.of(destination));
            let may_start = turn.is_some();
            turns.extend(turn);
            may_start
        });
        self.claimed_at = Some(Instant::now());
        self.had_no_turn = starting.is_empty();
        if starting.is_empty() {
            return;
        }
        if !self.queue.gives_way() {
            deliveries.urgency.note();
        }
        // The other slots are free while this is being claimed.
        let Some(permits) = permits.split(starting.len()) else {
            return;
        };
        let starting = starting.into_iter().zip(turns).collect();
        self.claims.begin(cx, self.queue, starting, permits);
    }

    /// Whether what is in hand leaves room for what comes.
    fn has_room(&self) -> bool {
        self.unstarted.len() < MOST_UNSTARTED && self.tasks.len() < CROWDED
    }

    /// Makes room at once where it runs out. Not again before that shows: tasks stay in hand until
    /// what leaves is written.
    fn make_room(&mut self) {
        let made_lately = |at: Instant| at.elapsed() < MAKE_ROOM_EVERY;
        if self.has_room() || self.room_made_at.is_some_and(made_lately) {
            return;
        }
        self.room_made_at = Some(Instant::now());
        self.put_back_paused();
        self.put_off();
    }

    /// Once in a while: what is late or too much goes back to PostgreSQL.
    fn look(&mut self) {
        metrics::gauge!("carillon_unstarted", "queue" => self.queue.as_str())
            .set(self.unstarted.len() as f64);
        self.unstarted.look();
        self.put_back_paused();
        let limit = self.cx.settings.delivery.unstarted_limit;
        let (exceeding, stuck) = self.unstarted.take_late(limit);
        put_back::exceeding(self.cx, self.queue, exceeding);
        put_back::stuck(self.cx, self.queue, stuck);
        self.put_off();
        if !self.markers.is_empty() {
            self.markers.record_passed(self.cx, self.unstarted.oldest());
        }
    }

    /// What nobody may be called for waits in PostgreSQL.
    fn put_back_paused(&mut self) {
        for destination in Destination::ALL {
            if self.unstarted.count(destination) > 0
                && let Some(pause) = self.cx.deliveries.pause(destination)
            {
                let paused = self.unstarted.take_paused(destination, pause);
                put_back::paused(self.cx, self.queue, paused);
            }
        }
    }

    /// What exceeds its service's share waits in PostgreSQL.
    fn put_off(&mut self) {
        let excess = self.unstarted.take_excess(self.has_room());
        put_back::exceeding(self.cx, self.queue, excess);
    }
}
