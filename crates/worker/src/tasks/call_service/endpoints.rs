//! The ids in this worker's hands, by endpoint: whose turn it is, and who must wait without holding
//! up another.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use carillon_core::id::CallbackId;
use tokio::time::Instant;

/// What waits for a slot, `T` each, and how many calls each endpoint has in flight.
pub(super) struct Endpoints<T> {
    most_in_flight: usize,
    most_of_one: usize,
    n_in_flight: usize,
    by_id: HashMap<CallbackId, Endpoint<T>>,
    /// Endpoints with something unstarted; the front is the next to be served.
    turns: VecDeque<CallbackId>,
    has_run_dry: bool,
}

struct Endpoint<T> {
    unstarted: VecDeque<(Instant, T)>,
    n_in_flight: usize,
    paused_until: Option<Instant>,
    /// A whole message of its came: more may wait in PostgreSQL.
    is_behind: bool,
}

impl<T> Endpoint<T> {
    fn is_forgettable(&self, now: Instant) -> bool {
        self.unstarted.is_empty()
            && self.n_in_flight == 0
            && self.paused_until.is_none_or(|until| until <= now)
    }
}

impl<T> Default for Endpoint<T> {
    fn default() -> Self {
        Self {
            unstarted: VecDeque::new(),
            n_in_flight: 0,
            paused_until: None,
            is_behind: false,
        }
    }
}

impl<T> Endpoints<T> {
    /// At most so many calls at a time, and so many of them to one endpoint.
    pub fn new(most_in_flight: usize, most_of_one: usize) -> Self {
        Self {
            most_in_flight: most_in_flight.max(1),
            most_of_one: most_of_one.max(1),
            n_in_flight: 0,
            by_id: HashMap::new(),
            turns: VecDeque::new(),
            has_run_dry: false,
        }
    }

    /// Takes in a message's ids; `is_whole` when it has as many as a message may have.
    pub fn take_in(
        &mut self,
        id: CallbackId,
        now: Instant,
        items: impl IntoIterator<Item = T>,
        is_whole: bool,
    ) {
        let mut items = items.into_iter().map(|item| (now, item)).peekable();
        if items.peek().is_none() {
            return;
        }
        let endpoint = self.by_id.entry(id).or_default();
        if endpoint.unstarted.is_empty() {
            self.turns.push_back(id);
        }
        endpoint.unstarted.extend(items);
        endpoint.is_behind |= is_whole;
    }

    /// Takes out what can start now: one of each endpoint in turn, again and again, until the slots
    /// or the endpoints' shares are used up. Each counts as in flight until [`ended`](Self::ended).
    pub fn start(&mut self) -> Vec<(CallbackId, T)> {
        let mut starting = Vec::new();
        let mut full = VecDeque::new();
        while self.n_in_flight < self.most_in_flight {
            let Some(id) = self.turns.pop_front() else {
                break;
            };
            let Some(endpoint) = self.by_id.get_mut(&id) else {
                continue;
            };
            if endpoint.n_in_flight >= self.most_of_one {
                full.push_back(id);
                continue;
            }
            let Some((_, item)) = endpoint.unstarted.pop_front() else {
                continue;
            };
            endpoint.n_in_flight += 1;
            self.n_in_flight += 1;
            starting.push((id, item));
            if endpoint.unstarted.is_empty() {
                self.has_run_dry |= std::mem::take(&mut endpoint.is_behind);
            } else {
                self.turns.push_back(id);
            }
        }
        self.turns.append(&mut full);
        starting
    }

    /// A call is over, or was not made.
    pub fn ended(&mut self, id: CallbackId, now: Instant) {
        self.n_in_flight = self.n_in_flight.saturating_sub(1);
        if let Some(endpoint) = self.by_id.get_mut(&id) {
            endpoint.n_in_flight = endpoint.n_in_flight.saturating_sub(1);
            if endpoint.is_forgettable(now) {
                self.by_id.remove(&id);
            }
        }
    }

    /// An endpoint is left alone until then, or no longer.
    pub fn pause(&mut self, id: CallbackId, until: Option<Instant>, now: Instant) {
        let endpoint = self.by_id.entry(id).or_default();
        endpoint.paused_until = until;
        if endpoint.is_forgettable(now) {
            self.by_id.remove(&id);
        }
    }

    /// Takes out what is unstarted of endpoints that are left alone, each with what is left of its
    /// pause.
    pub fn take_paused(&mut self, now: Instant) -> Vec<(Duration, Vec<T>)> {
        let mut taken = Vec::new();
        self.by_id.retain(|_, endpoint| {
            if let Some(until) = endpoint.paused_until.filter(|until| *until > now)
                && !endpoint.unstarted.is_empty()
            {
                let items = endpoint.unstarted.drain(..).map(|(_, item)| item);
                taken.push((until - now, items.collect()));
            }
            !endpoint.is_forgettable(now)
        });
        self.forget_empty_turns();
        taken
    }

    /// Takes out what has been unstarted for `limit` or longer.
    pub fn take_late(&mut self, now: Instant, limit: Duration) -> Vec<T> {
        let mut late = Vec::new();
        for endpoint in self.by_id.values_mut() {
            let unstarted = &mut endpoint.unstarted;
            let n = unstarted.partition_point(|(taken_at, _)| now - *taken_at >= limit);
            late.extend(unstarted.drain(..n).map(|(_, item)| item));
        }
        self.by_id
            .retain(|_, endpoint| !endpoint.is_forgettable(now));
        self.forget_empty_turns();
        late
    }

    /// Whether an endpoint of which more may wait has run dry since this was asked last.
    pub fn take_has_run_dry(&mut self) -> bool {
        std::mem::take(&mut self.has_run_dry)
    }

    /// How many ids are unstarted.
    pub fn n_unstarted(&self) -> usize {
        self.by_id.values().map(|e| e.unstarted.len()).sum()
    }

    /// How many calls are in flight.
    pub const fn n_in_flight(&self) -> usize {
        self.n_in_flight
    }

    fn forget_empty_turns(&mut self) {
        let by_id = &self.by_id;
        self.turns
            .retain(|id| by_id.get(id).is_some_and(|e| !e.unstarted.is_empty()));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    const fn endpoint(n: u128) -> CallbackId {
        CallbackId(Uuid::from_u128(n))
    }

    fn of(starting: &[(CallbackId, u32)], id: CallbackId) -> usize {
        starting.iter().filter(|(of, _)| *of == id).count()
    }

    #[test]
    fn a_hanging_endpoint_takes_its_share_of_the_slots_and_no_more() {
        let now = Instant::now();
        let mut endpoints = Endpoints::new(10, 4);
        let (hangs, lives) = (endpoint(1), endpoint(2));
        endpoints.take_in(hangs, now, 0..100, true);
        assert_eq!(endpoints.start().len(), 4);
        for _ in 0..5 {
            endpoints.take_in(lives, now, 0..6, false);
            let first = endpoints.start();
            assert_eq!((of(&first, hangs), of(&first, lives)), (0, 4));
            (0..4).for_each(|_| endpoints.ended(lives, now));
            let rest = endpoints.start();
            assert_eq!(of(&rest, lives), 2);
            (0..2).for_each(|_| endpoints.ended(lives, now));
        }
        assert_eq!((endpoints.n_in_flight(), endpoints.n_unstarted()), (4, 96));
    }

    #[test]
    fn scarce_slots_go_round() {
        let now = Instant::now();
        let mut endpoints = Endpoints::new(4, 4);
        endpoints.take_in(endpoint(1), now, 0..10, false);
        endpoints.take_in(endpoint(2), now, 0..10, false);
        let starting = endpoints.start();
        assert_eq!(of(&starting, endpoint(1)), 2);
        assert_eq!(of(&starting, endpoint(2)), 2);
        assert!(endpoints.start().is_empty());
    }

    #[test]
    fn what_a_paused_endpoint_has_waiting_is_taken_out_with_its_rest() {
        let now = Instant::now();
        let (sick, well) = (endpoint(1), endpoint(2));
        let mut endpoints = Endpoints::new(10, 1);
        endpoints.take_in(sick, now, 0..3, false);
        endpoints.take_in(well, now, 0..3, false);
        endpoints.start();
        let until = now + Duration::from_secs(10);
        endpoints.pause(sick, Some(until), now);
        let later = now + Duration::from_secs(4);
        assert_eq!(
            endpoints.take_paused(later),
            [(Duration::from_secs(6), vec![1, 2])]
        );
        endpoints.take_in(sick, later, 7..8, false);
        assert_eq!(endpoints.take_paused(later).len(), 1);
        endpoints.take_in(sick, later, 9..10, false);
        assert!(endpoints.take_paused(until).is_empty(), "its pause is over");
        assert_eq!(endpoints.n_unstarted(), 3);
    }

    #[test]
    fn what_waits_too_long_is_taken_out_and_an_idle_endpoint_forgotten() {
        let now = Instant::now();
        let mut endpoints = Endpoints::new(1, 1);
        endpoints.take_in(endpoint(1), now, 0..3, true);
        assert_eq!(endpoints.start().len(), 1);
        let limit = Duration::from_secs(30);
        assert!(endpoints.take_late(now, limit).is_empty());
        assert_eq!(endpoints.take_late(now + limit, limit), [1, 2]);
        endpoints.ended(endpoint(1), now);
        assert!(endpoints.by_id.is_empty() && endpoints.turns.is_empty());
    }

    #[test]
    fn the_end_of_a_whole_message_is_told_once() {
        let now = Instant::now();
        let mut endpoints = Endpoints::new(10, 10);
        endpoints.take_in(endpoint(1), now, 0..2, false);
        endpoints.start();
        assert!(!endpoints.take_has_run_dry());
        endpoints.take_in(endpoint(1), now, 0..2, true);
        endpoints.start();
        assert!(endpoints.take_has_run_dry() && !endpoints.take_has_run_dry());
    }

    proptest! {
        #[test]
        fn every_id_comes_out_once_and_the_caps_hold(
            messages in proptest::collection::vec((0u128..5, 0u32..20), 1..20),
            most in 1usize..20, share in 1usize..6,
        ) {
            let now = Instant::now();
            let mut endpoints = Endpoints::new(most, share);
            let n_all: u32 = messages.iter().map(|(_, n)| n).sum();
            for (id, n) in messages {
                endpoints.take_in(endpoint(id), now, 0..n, false);
            }
            let mut n_out = 0;
            loop {
                let starting = endpoints.start();
                if starting.is_empty() {
                    break;
                }
                prop_assert!(starting.len() <= most);
                for id in 0..5 {
                    prop_assert!(of(&starting, endpoint(id)) <= share);
                }
                n_out += starting.len();
                starting.iter().for_each(|(id, _)| endpoints.ended(*id, now));
            }
            prop_assert_eq!(n_out, n_all as usize);
            prop_assert!(endpoints.by_id.is_empty() && endpoints.turns.is_empty());
        }
    }
}
