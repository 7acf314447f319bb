//! The ids in this worker's hands, by endpoint: whose turn it is, and who must wait without holding
//! up another.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use carillon_core::id::CallbackId;
use tokio::time::Instant;

/// What waits for a slot, `T` each, and how many calls each endpoint has in flight.
///
/// Slots are shared out: an endpoint has its own most, and no more than its even share when many are
/// called at a time, so that one which answers at once is never without. Those that are behind, for
/// they are slow or fail, have half of the slots between them.
pub(super) struct Endpoints<T> {
    most_in_flight: usize,
    most_of_one: usize,
    n_in_flight: Counts,
    by_id: HashMap<CallbackId, Endpoint<T>>,
    /// Endpoints with something unstarted; the front is the next to be served.
    turns: VecDeque<CallbackId>,
    runs_low: bool,
}

/// Whether an endpoint keeps up, or is slow or fails: which queue its messages come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Standing {
    #[default]
    KeepsUp,
    IsBehind,
}

/// A number for each standing.
#[derive(Default)]
struct Counts {
    keep_up: usize,
    are_behind: usize,
}

impl Counts {
    const fn of(&mut self, standing: Standing) -> &mut usize {
        match standing {
            Standing::KeepsUp => &mut self.keep_up,
            Standing::IsBehind => &mut self.are_behind,
        }
    }

    const fn all(&self) -> usize {
        self.keep_up + self.are_behind
    }
}

struct Endpoint<T> {
    standing: Standing,
    unstarted: VecDeque<(Instant, T)>,
    n_in_flight: usize,
    /// A message of its had more ids than it has slots: more may wait in PostgreSQL.
    has_more: bool,
}

impl<T> Endpoint<T> {
    fn is_idle(&self) -> bool {
        self.unstarted.is_empty() && self.n_in_flight == 0
    }
}

impl<T> Default for Endpoint<T> {
    fn default() -> Self {
        Self {
            standing: Standing::default(),
            unstarted: VecDeque::new(),
            n_in_flight: 0,
            has_more: false,
        }
    }
}

impl<T> Endpoints<T> {
    /// At most so many calls at a time, and so many of them to one endpoint.
    pub fn new(most_in_flight: usize, most_of_one: usize) -> Self {
        Self {
            most_in_flight: most_in_flight.max(1),
            most_of_one: most_of_one.max(1),
            n_in_flight: Counts::default(),
            by_id: HashMap::new(),
            turns: VecDeque::new(),
            runs_low: false,
        }
    }

    /// Takes in a message's ids, and how its endpoint stands by it.
    pub fn take_in(
        &mut self,
        id: CallbackId,
        standing: Standing,
        now: Instant,
        items: impl IntoIterator<Item = T>,
    ) {
        let mut items = items.into_iter().map(|item| (now, item)).peekable();
        if items.peek().is_none() {
            return;
        }
        let endpoint = self.by_id.entry(id).or_default();
        *self.n_in_flight.of(endpoint.standing) -= endpoint.n_in_flight;
        *self.n_in_flight.of(standing) += endpoint.n_in_flight;
        endpoint.standing = standing;
        if endpoint.unstarted.is_empty() {
            self.turns.push_back(id);
        }
        let n_before = endpoint.unstarted.len();
        endpoint.unstarted.extend(items);
        endpoint.has_more |= endpoint.unstarted.len() - n_before > self.most_of_one;
    }

    /// Takes out what can start now: one of each endpoint in turn, again and again, until the slots
    /// or the endpoints' shares are used up. Each counts as in flight until [`ended`](Self::ended).
    pub fn start(&mut self) -> Vec<(CallbackId, T)> {
        let mut starting = Vec::new();
        if self.turns.is_empty() {
            return starting;
        }
        let mut n_endpoints = Counts::default();
        for endpoint in self.by_id.values() {
            *n_endpoints.of(endpoint.standing) += 1;
        }
        let mut full = VecDeque::new();
        while self.n_in_flight.all() < self.most_in_flight {
            let Some(id) = self.turns.pop_front() else {
                break;
            };
            let Some(endpoint) = self.by_id.get_mut(&id) else {
                continue;
            };
            let standing = endpoint.standing;
            let most = match standing {
                Standing::KeepsUp => self.most_in_flight,
                Standing::IsBehind => self.most_in_flight.div_ceil(2),
            };
            let share = (most / *n_endpoints.of(standing)).clamp(1, self.most_of_one);
            let n_of_all = self.n_in_flight.of(standing);
            if endpoint.n_in_flight >= share || *n_of_all >= most {
                full.push_back(id);
                continue;
            }
            let Some((_, item)) = endpoint.unstarted.pop_front() else {
                continue;
            };
            endpoint.n_in_flight += 1;
            *n_of_all += 1;
            starting.push((id, item));
            if endpoint.unstarted.len() < self.most_of_one {
                self.runs_low |= std::mem::take(&mut endpoint.has_more);
            }
            if !endpoint.unstarted.is_empty() {
                self.turns.push_back(id);
            }
        }
        self.turns.append(&mut full);
        starting
    }

    /// A call is over, or was not made.
    pub fn ended(&mut self, id: CallbackId) {
        if let Some(endpoint) = self.by_id.get_mut(&id) {
            endpoint.n_in_flight -= 1;
            *self.n_in_flight.of(endpoint.standing) -= 1;
            if endpoint.is_idle() {
                self.by_id.remove(&id);
            }
        }
    }

    /// Takes out what has been unstarted for `limit` or longer.
    pub fn take_late(&mut self, now: Instant, limit: Duration) -> Vec<T> {
        let mut late = Vec::new();
        for endpoint in self.by_id.values_mut() {
            let unstarted = &mut endpoint.unstarted;
            let n = unstarted.partition_point(|(taken_at, _)| now - *taken_at >= limit);
            late.extend(unstarted.drain(..n).map(|(_, item)| item));
        }
        self.by_id.retain(|_, endpoint| !endpoint.is_idle());
        let by_id = &self.by_id;
        self.turns
            .retain(|id| by_id.get(id).is_some_and(|e| !e.unstarted.is_empty()));
        late
    }

    /// Whether what an endpoint has here runs low while more may wait in PostgreSQL, since this was
    /// asked last.
    pub const fn take_runs_low(&mut self) -> bool {
        std::mem::replace(&mut self.runs_low, false)
    }

    /// How many ids are unstarted.
    pub fn n_unstarted(&self) -> usize {
        self.by_id.values().map(|e| e.unstarted.len()).sum()
    }

    /// How many calls are in flight.
    pub const fn n_in_flight(&self) -> usize {
        self.n_in_flight.all()
    }
}

#[cfg(test)]
mod tests;
