//! The leases of one kind, by whose they are, with the requests that wait for an answer.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use carillon_core::limits::{Answered, Ruling, Step};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, oneshot};

use super::away::WITHIN;

/// A lease that takes back what nobody wanted after all.
pub(super) trait Lease: Default {
    /// Takes one back.
    fn give_back(&mut self);
}

/// Nobody waits any longer: for an ask that is under way, one that tells, and one's own.
const LATEST: Duration = WITHIN.saturating_mul(3);

/// What one request is told: to go on, or after which time to come again.
type Verdict = Result<(), Duration>;

/// The leases.
pub(super) struct Book<K, L> {
    desks: RwLock<HashMap<K, Arc<Mutex<Desk<L>>>>>,
    /// Who wants PostgreSQL to be asked.
    asks: Mutex<Vec<Ask<K>>>,
    asked: Notify,
    /// Times are those since then.
    started: Instant,
}

struct Desk<L> {
    lease: L,
    waiting: VecDeque<oneshot::Sender<Verdict>>,
}

/// For how much to ask for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ask<K> {
    pub key: K,
    pub limit: u32,
    pub wanted: u32,
}

impl<K, L> Default for Book<K, L> {
    fn default() -> Self {
        Self {
            desks: RwLock::default(),
            asks: Mutex::default(),
            asked: Notify::new(),
            started: Instant::now(),
        }
    }
}

impl<K: Copy + Eq + Hash, L: Lease> Book<K, L> {
    /// Has the lease rule on one request; if it is to wait, waits for the answer.
    pub async fn take(
        &self,
        key: K,
        limit: u32,
        rule: impl FnOnce(&mut L, Duration) -> Step,
    ) -> Verdict {
        let desk = self.desk(key);
        let answer = {
            let mut desk = desk.lock();
            let Step { ruling, ask } = rule(&mut desk.lease, self.now());
            self.ask(key, limit, ask);
            match ruling {
                Ruling::Go => return Ok(()),
                Ruling::Refuse { after } => return Err(after),
                Ruling::Wait => {
                    let (sender, answer) = oneshot::channel();
                    desk.waiting.push_back(sender);
                    answer
                }
            }
        };
        // Whoever asks answers in any case, and sooner, unless it has failed; the process is ending then,
        // and this was one of its last requests. An answer that comes after all is given back.
        match tokio::time::timeout(LATEST, answer).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }

    /// Everything that is to be asked for; waits until there is something.
    pub async fn asks(&self) -> Vec<Ask<K>> {
        loop {
            let asks = std::mem::take(&mut *self.asks.lock());
            if !asks.is_empty() {
                return asks;
            }
            self.asked.notified().await;
        }
    }

    /// Tells a lease what came of an ask, and those who wait what the lease says.
    pub fn answer(&self, ask: &Ask<K>, hear: impl FnOnce(&mut L, Duration) -> Answered) {
        let desk = self.desk(ask.key);
        let mut desk = desk.lock();
        let Answered {
            n_served,
            refuse_after,
            ask: next,
        } = hear(&mut desk.lease, self.now());
        for _ in 0..n_served {
            let Some(sender) = desk.waiting.pop_front() else {
                break;
            };
            if sender.send(Ok(())).is_err() {
                // Its client has gone.
                desk.lease.give_back();
            }
        }
        if let Some(after) = refuse_after {
            for sender in desk.waiting.drain(..) {
                // Nobody is there to be refused any more.
                let _ = sender.send(Err(after));
            }
        }
        self.ask(ask.key, ask.limit, next);
    }

    /// Does something with one lease.
    pub fn with<T>(&self, key: K, act: impl FnOnce(&mut L) -> T) -> T {
        act(&mut self.desk(key).lock().lease)
    }

    /// Does something with each lease, and forgets those of which it says so.
    pub fn for_each(&self, mut act: impl FnMut(K, &mut L) -> bool) {
        self.desks.write().retain(|key, desk| {
            let is_done = act(*key, &mut desk.lock().lease);
            // Nobody comes by another while this is locked.
            !is_done || Arc::strong_count(desk) > 1
        });
    }

    /// The time by which leases go.
    pub fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn desk(&self, key: K) -> Arc<Mutex<Desk<L>>> {
        if let Some(desk) = self.desks.read().get(&key) {
            return Arc::clone(desk);
        }
        let empty = || {
            Arc::new(Mutex::new(Desk {
                lease: L::default(),
                waiting: VecDeque::new(),
            }))
        };
        Arc::clone(self.desks.write().entry(key).or_insert_with(empty))
    }

    fn ask(&self, key: K, limit: u32, wanted: Option<u32>) {
        if let Some(wanted) = wanted {
            self.asks.lock().push(Ask { key, limit, wanted });
            self.asked.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Grants nothing by itself.
    #[derive(Default)]
    struct Strict {
        n_given_back: u32,
    }

    impl Lease for Strict {
        fn give_back(&mut self) {
            self.n_given_back += 1;
        }
    }

    const WAIT: Step = Step {
        ruling: Ruling::Wait,
        ask: Some(1),
    };

    #[tokio::test]
    async fn whoever_waits_is_served_in_turn_and_the_rest_refused() {
        let book = Book::<u8, Strict>::default();
        let three = futures::future::join_all((0..3).map(|_| book.take(7, 50, |_, _| WAIT)));
        let answer = async {
            let asks = book.asks().await;
            assert_eq!(asks.len(), 3);
            book.answer(&asks[0], |_, _| Answered {
                n_served: 2,
                refuse_after: Some(Duration::from_secs(9)),
                ask: None,
            });
        };
        let (verdicts, ()) = tokio::join!(three, answer);
        assert_eq!(verdicts, [Ok(()), Ok(()), Err(Duration::from_secs(9))]);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_gets_no_answer_goes_on_and_what_comes_too_late_is_given_back() {
        let book = Book::<u8, Strict>::default();
        assert_eq!(book.take(7, 50, |_, _| WAIT).await, Ok(()));
        let asks = book.asks().await;
        book.answer(&asks[0], |_, _| Answered {
            n_served: 1,
            ..Answered::default()
        });
        assert_eq!(book.with(7, |lease| lease.n_given_back), 1);
    }

    #[tokio::test]
    async fn what_a_client_that_has_gone_would_have_got_is_given_back() {
        let book = Book::<u8, Strict>::default();
        {
            let gone = book.take(7, 50, |_, _| WAIT);
            tokio::pin!(gone);
            assert!(futures::poll!(&mut gone).is_pending());
        }
        let asks = book.asks().await;
        book.answer(&asks[0], |_, _| Answered {
            n_served: 1,
            ..Answered::default()
        });
        assert_eq!(book.with(7, |lease| lease.n_given_back), 1);
        book.for_each(|_, _| true);
        assert_eq!(book.with(7, |lease| lease.n_given_back), 0);
    }
}
