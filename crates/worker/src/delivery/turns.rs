//! Turns: how many deliveries may begin now, and which lane's are next.
//!
//! A row is claimed only when its call can start within moments (house rule 3). What would wait for
//! the provider's pace behind its claim could neither give way to what is more urgent nor be shared
//! out between services.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use carillon_core::channel::Channel;
use carillon_core::lane::Lane;
use carillon_core::queue::Queue;
use carillon_core::turn_order::TurnOrder;
use parking_lot::Mutex;

/// Where a message goes to, as far as its turn is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Destination {
    /// The providers of a channel.
    Providers(Channel),
    /// The sandbox, whatever is configured.
    Sandbox,
    /// It was not said: its turn is found when it is claimed.
    Unknown,
}

impl Destination {
    /// Every one.
    pub const ALL: [Self; 4] = [
        Self::Providers(Channel::Email),
        Self::Providers(Channel::Sms),
        Self::Sandbox,
        Self::Unknown,
    ];

    /// Of what is in a delivery queue and said to be of this channel.
    pub const fn of(queue: Queue, channel: Option<Channel>) -> Self {
        match (queue, channel) {
            (Queue::ResearchMode, _) => Self::Sandbox,
            (Queue::SendEmail | Queue::SendEmailBulk, _) => Self::Providers(Channel::Email),
            (Queue::SendSms | Queue::SendSmsBulk, _) => Self::Providers(Channel::Sms),
            (_, Some(channel)) => Self::Providers(channel),
            (_, None) => Self::Unknown,
        }
    }

    const fn at(self) -> usize {
        match self {
            Self::Providers(Channel::Email) => 0,
            Self::Providers(Channel::Sms) => 1,
            Self::Sandbox => 2,
            Self::Unknown => 3,
        }
    }
}

/// Something for each destination.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ByDestination<T>([T; Destination::ALL.len()]);

impl<T> ByDestination<T> {
    /// That of one.
    pub const fn of(&self, destination: Destination) -> &T {
        &self.0[destination.at()]
    }

    /// That of one, to be changed.
    pub const fn of_mut(&mut self, destination: Destination) -> &mut T {
        &mut self.0[destination.at()]
    }
}

/// What starts within this time after its claim is worth claiming.
const AHEAD: Duration = Duration::from_millis(20);
/// However long claims take, what starts later than this gives way to what comes until then.
const MOST_AHEAD: Duration = Duration::from_millis(250);

/// Turns of all lanes of a process.
#[derive(Default)]
pub(crate) struct Turns {
    by_destination: [Shared; Destination::ALL.len()],
    /// Microseconds, lately.
    claim_takes: AtomicU64,
}

#[derive(Default)]
struct Shared {
    /// Given to rows that are being claimed, and not taken at the provider's pacer yet.
    n_given: Arc<AtomicUsize>,
    lanes: Mutex<Lanes>,
}

#[derive(Default)]
struct Lanes {
    order: TurnOrder,
    /// How many loops of each lane have something unstarted and a free slot for it.
    n_wanting: [usize; Lane::ALL.len()],
}

/// A turn. Dropped it is free again, for a claim or a pacer that knows of the call now.
#[derive(Default)]
pub(crate) struct Turn {
    /// None where there is no limit to count for.
    n_given: Option<Arc<AtomicUsize>>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(n_given) = &self.n_given {
            n_given.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Turns {
    /// How far ahead turns are given: while a claim is under way the provider shall not stand idle.
    pub fn ahead(&self) -> Duration {
        let claim = Duration::from_micros(self.claim_takes.load(Ordering::Relaxed));
        (AHEAD + claim).min(MOST_AHEAD)
    }

    /// A claim took so long.
    pub fn claim_took(&self, time: Duration) {
        let time = u64::try_from(time.min(MOST_AHEAD).as_micros()).unwrap_or(u64::MAX);
        // Of two at the same moment one may be lost: they say the same.
        let before = self.claim_takes.load(Ordering::Relaxed);
        let after = (before * 7 + time) / 8;
        self.claim_takes.store(after, Ordering::Relaxed);
    }

    /// Of the turns that are open, how many no claim has yet.
    pub fn n_free(&self, destination: Destination, n_open: usize) -> usize {
        let shared = &self.by_destination[destination.at()];
        n_open.saturating_sub(shared.n_given.load(Ordering::Relaxed))
    }

    /// A turn of those that are open, if it is this lane's.
    pub fn take(&self, destination: Destination, lane: Lane, n_open: usize) -> Option<Turn> {
        if n_open == usize::MAX {
            return Some(Turn::default());
        }
        let shared = &self.by_destination[destination.at()];
        let mut lanes = shared.lanes.lock();
        if self.n_free(destination, n_open) == 0 {
            return None;
        }
        let Lanes { order, n_wanting } = &mut *lanes;
        if !order.take(lane, |other| n_wanting[other as usize] > 0) {
            return None;
        }
        shared.n_given.fetch_add(1, Ordering::Relaxed);
        Some(Turn {
            n_given: Some(Arc::clone(&shared.n_given)),
        })
    }
}

/// What one lane's loop wants, as the others see it.
pub(crate) struct Wants {
    turns: Arc<Turns>,
    lane: Lane,
    wanted: ByDestination<bool>,
}

impl Wants {
    /// Nothing so far.
    pub fn new(turns: Arc<Turns>, lane: Lane) -> Self {
        Self {
            turns,
            lane,
            wanted: ByDestination::default(),
        }
    }

    /// From now on it wants turns of this destination, or none.
    pub fn set(&mut self, destination: Destination, wants: bool) {
        let wanted = self.wanted.of_mut(destination);
        if *wanted == wants {
            return;
        }
        *wanted = wants;
        let mut lanes = self.turns.by_destination[destination.at()].lanes.lock();
        let n_wanting = &mut lanes.n_wanting[self.lane as usize];
        *n_wanting = if wants {
            *n_wanting + 1
        } else {
            *n_wanting - 1
        };
    }
}

impl Drop for Wants {
    fn drop(&mut self) {
        for destination in Destination::ALL {
            self.set(destination, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMAIL: Destination = Destination::Providers(Channel::Email);

    #[test]
    fn each_destination_has_its_own_place() {
        for (at, destination) in Destination::ALL.into_iter().enumerate() {
            assert_eq!(destination.at(), at);
        }
        assert_eq!(
            Destination::of(Queue::Retry, Some(Channel::Email)),
            Destination::of(Queue::SendEmailBulk, None)
        );
    }

    #[test]
    fn turns_are_given_as_far_ahead_as_claims_take() {
        let turns = Turns::default();
        assert_eq!(turns.ahead(), AHEAD);
        for _ in 0..100 {
            turns.claim_took(Duration::from_millis(30));
        }
        assert_eq!(turns.ahead().as_millis(), 49);
        for _ in 0..100 {
            turns.claim_took(Duration::from_secs(9));
        }
        assert_eq!(turns.ahead(), MOST_AHEAD);
    }

    #[test]
    fn a_turn_is_given_once_until_it_is_dropped() {
        let turns = Turns::default();
        let given = turns.take(EMAIL, Lane::Normal, 1);
        assert!(given.is_some() && turns.n_free(EMAIL, 1) == 0);
        assert!(turns.take(EMAIL, Lane::Priority, 1).is_none());
        assert!(turns.take(Destination::Sandbox, Lane::Normal, 1).is_some());
        drop(given);
        assert!(turns.take(EMAIL, Lane::Priority, 1).is_some());
    }

    #[test]
    fn a_lane_gives_way_while_a_more_urgent_one_wants_turns() {
        let turns = Arc::new(Turns::default());
        let mut priority = Wants::new(Arc::clone(&turns), Lane::Priority);
        priority.set(EMAIL, true);
        assert!(turns.take(EMAIL, Lane::Bulk, 9).is_none());
        assert!(turns.take(Destination::Sandbox, Lane::Bulk, 9).is_some());
        drop(priority);
        assert!(turns.take(EMAIL, Lane::Bulk, 9).is_some());
    }
}
