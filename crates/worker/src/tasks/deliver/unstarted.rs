//! The ids of one lane that are in this worker's hands and not claimed yet, by whose they are.

use std::time::Duration;

use carillon_core::fair_share::{FairShare, Late, PutOff};
use carillon_core::id::{NotificationId, ServiceId};
use tokio::time::Instant;

use crate::delivery::{ByDestination, Deliveries, Destination, IdInHand, Pause};

/// Who has turns of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Owner {
    /// None for those of a producer that did not say; they share their turns.
    pub service: Option<ServiceId>,
    pub destination: Destination,
}

/// An id and its place in its task.
pub(super) type Id = (NotificationId, IdInHand);

/// Of each service so much stays in hand while a provider is being tried that was left alone.
const KEPT_FOR_THE_END_OF_A_PAUSE: usize = 500;

/// An id that is to wait in PostgreSQL for so long.
pub(super) type Waiting = (NotificationId, IdInHand, Duration);

pub(super) struct Unstarted {
    ids: FairShare<Owner, IdInHand>,
    n: ByDestination<usize>,
    born: Instant,
}

impl Default for Unstarted {
    fn default() -> Self {
        Self {
            ids: FairShare::default(),
            n: ByDestination::default(),
            born: Instant::now(),
        }
    }
}

impl Unstarted {
    pub const fn len(&self) -> usize {
        self.ids.len()
    }

    /// How many go to a destination.
    pub const fn count(&self, destination: Destination) -> usize {
        *self.n.of(destination)
    }

    /// Takes an id in. One that is here already, such as of a message that came twice, needs nothing
    /// more.
    pub fn put(&mut self, owner: Owner, id: NotificationId, in_hand: IdInHand) {
        match self.ids.put(owner, id, in_hand) {
            Some(double) => double.settle(),
            None => *self.n.of_mut(owner.destination) += 1,
        }
    }

    /// How many calls can start to each destination for which there is anything.
    pub fn n_open(&self, deliveries: &Deliveries) -> ByDestination<usize> {
        let mut n_open = ByDestination::default();
        for destination in Destination::ALL {
            let n = self.count(destination);
            if n > 0 {
                *n_open.of_mut(destination) = deliveries.n_turns(destination, n);
            }
        }
        n_open
    }

    /// Takes up to `n` ids in turns; of a destination that gives no turn none.
    pub fn take(&mut self, n: usize, mut may_start: impl FnMut(Destination) -> bool) -> Vec<Id> {
        let taken = self.ids.take(n, |owner| may_start(owner.destination));
        let ids = taken.into_iter().map(|(owner, id, in_hand)| {
            *self.n.of_mut(owner.destination) -= 1;
            (id, in_hand)
        });
        ids.collect()
    }

    /// Learns how fast each service's ids start.
    pub fn look(&mut self) {
        self.ids.look(self.born.elapsed());
    }

    /// When the oldest of the tasks came that have something unstarted.
    pub fn oldest(&self) -> Option<Instant> {
        self.ids.items().map(IdInHand::taken_at).min()
    }

    /// What exceeds its service's share of the near future.
    pub fn take_excess(&mut self, has_room: bool) -> Vec<Waiting> {
        let excess = self.ids.take_excess(self.born.elapsed(), has_room);
        self.waiting(excess)
    }

    /// What cannot start because nobody of its destination may be called.
    pub fn take_paused(&mut self, destination: Destination, pause: Pause) -> Vec<Waiting> {
        let n_kept = if pause.may_end {
            KEPT_FOR_THE_END_OF_A_PAUSE
        } else {
            0
        };
        let is_paused = |owner: &Owner| owner.destination == destination;
        let now = self.born.elapsed();
        let paused = self.ids.take_shut(now, pause.wait, n_kept, is_paused);
        self.waiting(paused)
    }

    /// What has been here for too long: because its service has more than its share, or because
    /// nothing starts.
    pub fn take_late(&mut self, limit: Duration) -> (Vec<Waiting>, Vec<Id>) {
        let is_late = |in_hand: &IdInHand| in_hand.taken_at().elapsed() >= limit;
        let Late { exceeding, stuck } = self.ids.take_late(is_late);
        let stuck = stuck.into_iter().map(|(owner, id, in_hand)| {
            *self.n.of_mut(owner.destination) -= 1;
            (id, in_hand)
        });
        let stuck = stuck.collect();
        (self.waiting(exceeding), stuck)
    }

    fn waiting(&mut self, put_off: Vec<PutOff<Owner, IdInHand>>) -> Vec<Waiting> {
        let waiting = put_off.into_iter().map(|(owner, id, in_hand, wait)| {
            *self.n.of_mut(owner.destination) -= 1;
            (id, in_hand, wait)
        });
        waiting.collect()
    }
}
