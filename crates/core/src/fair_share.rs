//! Fair shares: what several services want started at the same time is started in turns, and what
//! exceeds a service's share of the near future waits elsewhere.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use crate::id::NotificationId;

/// Unstarted items, `T` each, by whose they are, `K`.
///
/// Everybody with something unstarted has one start in each round. Who comes anew begins the round,
/// so that those who send little never stand behind those who send much; they have no more than
/// their one start for it. Within a group the oldest id starts first.
///
/// Times are any monotonic time since a fixed moment.
#[derive(Debug)]
pub struct FairShare<K, T> {
    groups: HashMap<K, Group<T>>,
    /// Came anew, and had no start in this round.
    fresh: VecDeque<K>,
    /// The others; the front is next.
    turns: VecDeque<K>,
    n_items: usize,
    looked_at: Duration,
}

#[derive(Debug)]
struct Group<T> {
    items: BTreeMap<NotificationId, T>,
    /// Whether it is in `fresh` or `turns`. An empty one stays there until its turn, which would
    /// otherwise come sooner than that of the others.
    is_in_round: bool,
    /// Starts since the last look.
    n_started: u32,
    /// Starts in a second, lately.
    per_second: f64,
    /// Looks in a row that found something unstarted, or nothing.
    n_backlogged: u32,
    n_idle: u32,
    /// When what was put off last is to come back.
    put_off_until: Duration,
}

/// What does not start here soon: whose it is, the id, the item and the wait that its place in the
/// line means.
pub type PutOff<K, T> = (K, NotificationId, T, Duration);

/// Whose it is, the id and the item.
pub type Owned<K, T> = (K, NotificationId, T);

/// What was here for too long.
#[derive(Debug)]
pub struct Late<K, T> {
    /// Of groups that start others meanwhile: they have more here than their share.
    pub exceeding: Vec<PutOff<K, T>>,
    /// Of groups that start nothing: there is no share, and no wait that would follow from one.
    pub stuck: Vec<Owned<K, T>>,
}

/// What nobody else waits for is kept in hand for so long …
const ALONE_S: f64 = 20.0;
/// … and where others start as well, so much of it.
const AMONG_OTHERS_S: f64 = 5.0;
/// What is kept in hand in any case.
const KEPT: f64 = 500.0;
/// And when room runs out.
const KEPT_WITHOUT_ROOM: usize = 100;
/// Before so many looks it is not known how fast a group starts.
const KNOWN_AFTER: u32 = 2;
/// How much the last look says of it.
const NEWS: f64 = 0.4;
/// A group without anything is remembered for so many looks.
const FORGOTTEN_AFTER: u32 = 10;
/// No wait is worth less than the statements that it costs.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// Things may go faster by then.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// A group that starts fewer in a second starts nothing.
const MOVES: f64 = 0.05;
/// The slowest rate that waits are reckoned by …
const SLOWEST: f64 = 1.0;
/// … and the one of a group whose rate is not known yet.
const UNKNOWN: f64 = 100.0;
/// What may not start for a while comes back so many in a second: soon, and not all at once.
const COMES_BACK: f64 = 1_000.0;

impl<T> Default for Group<T> {
    fn default() -> Self {
        Self {
            items: BTreeMap::new(),
            is_in_round: false,
            n_started: 0,
            per_second: 0.0,
            n_backlogged: 0,
            n_idle: 0,
            put_off_until: Duration::ZERO,
        }
    }
}

impl<K, T> Default for FairShare<K, T> {
    fn default() -> Self {
        Self {
            groups: HashMap::new(),
            fresh: VecDeque::new(),
            turns: VecDeque::new(),
            n_items: 0,
            looked_at: Duration::ZERO,
        }
    }
}

impl<K: Copy + Eq + Hash, T> FairShare<K, T> {
    /// How many items are unstarted.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.n_items
    }

    /// Whether none is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.n_items == 0
    }

    /// Takes an item in. One of the same id that is here already is returned: either will do.
    pub fn put(&mut self, key: K, id: NotificationId, item: T) -> Option<T> {
        let group = self.groups.entry(key).or_default();
        if !group.is_in_round {
            group.is_in_round = true;
            self.fresh.push_back(key);
        }
        let double = group.items.insert(id, item);
        self.n_items += usize::from(double.is_none());
        double
    }

    /// Takes out up to `n` items, one of each group in turn. A group that `may_start` refuses keeps
    /// its place; what it grants is taken.
    pub fn take(&mut self, n: usize, mut may_start: impl FnMut(&K) -> bool) -> Vec<Owned<K, T>> {
        let mut taken = Vec::with_capacity(n.min(self.n_items));
        let (mut refused_fresh, mut refused) = (VecDeque::new(), VecDeque::new());
        while taken.len() < n {
            let (key, is_fresh) = match (self.fresh.pop_front(), &mut self.turns) {
                (Some(key), _) => (key, true),
                (None, turns) => match turns.pop_front() {
                    Some(key) => (key, false),
                    None => break,
                },
            };
            let Some(group) = self.groups.get_mut(&key) else {
                continue;
            };
            if group.items.is_empty() {
                group.is_in_round = false;
                continue;
            }
            if !may_start(&key) {
                let place = if is_fresh {
                    &mut refused_fresh
                } else {
                    &mut refused
                };
                place.push_back(key);
                continue;
            }
            if let Some((id, item)) = group.items.pop_first() {
                self.n_items -= 1;
                group.n_started = group.n_started.saturating_add(1);
                taken.push((key, id, item));
            }
            self.turns.push_back(key);
        }
        refused_fresh.append(&mut self.fresh);
        self.fresh = refused_fresh;
        refused.append(&mut self.turns);
        self.turns = refused;
        if self.is_empty() {
            // No round goes on without anybody to have a turn.
            for key in self.fresh.drain(..).chain(self.turns.drain(..)) {
                if let Some(group) = self.groups.get_mut(&key) {
                    group.is_in_round = false;
                }
            }
        }
        taken
    }

    /// All items, in no order.
    pub fn items(&self) -> impl Iterator<Item = &T> {
        self.groups.values().flat_map(|group| group.items.values())
    }

    /// Learns how fast each group starts. To be called about once a second.
    pub fn look(&mut self, now: Duration) {
        let elapsed = now.saturating_sub(self.looked_at).as_secs_f64();
        if elapsed <= 0.0 {
            return;
        }
        self.looked_at = now;
        self.groups.retain(|_, group| {
            let per_second = f64::from(std::mem::take(&mut group.n_started)) / elapsed;
            if group.n_backlogged + group.n_idle == 0 {
                group.per_second = per_second;
            } else {
                group.per_second += NEWS * (per_second - group.per_second);
            }
            if group.items.is_empty() {
                group.n_backlogged = 0;
                // One that starts all it has at once is not idle.
                group.n_idle = if per_second > 0.0 {
                    1
                } else {
                    group.n_idle + 1
                };
            } else {
                (group.n_backlogged, group.n_idle) = (group.n_backlogged + 1, 0);
            }
            group.is_in_round || group.n_idle < FORGOTTEN_AFTER
        });
    }

    /// Takes out what exceeds its group's share of the near future, the newest of each, oldest
    /// first. Without room that share is small, and half of what a group has is the most that goes.
    ///
    /// The waits follow the rate at which the group starts, so that what comes back finds its turn.
    pub fn take_excess(&mut self, now: Duration, has_room: bool) -> Vec<PutOff<K, T>> {
        let is_alone = self.groups.len() < 2;
        let mut excess = Vec::new();
        for (key, group) in &mut self.groups {
            let n_kept = if has_room {
                if group.n_backlogged < KNOWN_AFTER {
                    continue;
                }
                group.share(is_alone)
            } else {
                let half = group.items.len() / 2;
                half.max(KEPT_WITHOUT_ROOM).min(group.items.len())
            };
            let Some(first) = group.items.keys().nth(n_kept).copied() else {
                continue;
            };
            let beyond = group.items.split_off(&first);
            self.n_items -= beyond.len();
            let slowest = if group.n_backlogged < KNOWN_AFTER {
                UNKNOWN
            } else {
                SLOWEST
            };
            let rate = group.per_second.max(slowest);
            let kept_until = now + seconds(n_kept as f64 / rate);
            let mut until = group.put_off_until.max(kept_until);
            let step = seconds(1.0 / rate);
            for (id, item) in beyond {
                until = (until + step).min(now + LONGEST_WAIT);
                let wait = (until.saturating_sub(now)).max(SHORTEST_WAIT);
                excess.push((*key, id, item, wait));
            }
            group.put_off_until = until;
        }
        excess
    }

    /// Takes out all but the oldest `n_kept` of each group that may not start for this time, oldest
    /// first. They come back after it one after the other; where that would take too long, several
    /// rounds of them beside each other.
    pub fn take_shut(
        &mut self,
        now: Duration,
        shut_for: Duration,
        n_kept: usize,
        is_shut: impl Fn(&K) -> bool,
    ) -> Vec<PutOff<K, T>> {
        let opens = now + shut_for.max(SHORTEST_WAIT);
        let latest = now + LONGEST_WAIT.max(shut_for);
        let mut shut = Vec::new();
        for (key, group) in self.groups.iter_mut().filter(|(key, _)| is_shut(key)) {
            let Some(first) = group.items.keys().nth(n_kept).copied() else {
                continue;
            };
            let beyond = group.items.split_off(&first);
            self.n_items -= beyond.len();
            let mut until = group.put_off_until.max(opens);
            for (id, item) in beyond {
                if until > latest {
                    until = opens;
                }
                shut.push((*key, id, item, until.saturating_sub(now)));
                until += seconds(1.0 / COMES_BACK);
            }
            group.put_off_until = until;
        }
        shut
    }

    /// Takes out what is late.
    pub fn take_late(&mut self, is_late: impl Fn(&T) -> bool) -> Late<K, T> {
        let (mut exceeding, mut stuck) = (Vec::new(), Vec::new());
        for (key, group) in &mut self.groups {
            let late = group.items.iter().filter(|(_, item)| is_late(item));
            let ids: Vec<_> = late.map(|(id, _)| *id).collect();
            let moves = group.per_second >= MOVES;
            let mut wait = Duration::ZERO;
            for id in ids {
                let Some(item) = group.items.remove(&id) else {
                    continue;
                };
                self.n_items -= 1;
                if moves {
                    wait = (wait + seconds(1.0 / group.per_second)).min(LONGEST_WAIT);
                    exceeding.push((*key, id, item, wait.max(SHORTEST_WAIT)));
                } else {
                    stuck.push((*key, id, item));
                }
            }
        }
        Late { exceeding, stuck }
    }
}

impl<T> Group<T> {
    /// How many items it keeps in hand.
    fn share(&self, is_alone: bool) -> usize {
        let near = if is_alone { ALONE_S } else { AMONG_OTHERS_S };
        // Some thousand in a second at most, so it fits.
        (self.per_second * near).max(KEPT) as usize
    }
}

fn seconds(s: f64) -> Duration {
    Duration::from_secs_f64(s)
}

#[cfg(test)]
mod tests;
