//! What one process of the API has leased of a service's requests in a minute.
//!
//! While the shared budget holds plenty, a block is asked for before the last one is used up, so that
//! no request waits. When it runs low, blocks shrink to what is waited for and to what comes in a
//! moment, so that processes share what is left as they need it; and what was found empty is not asked
//! again before something has come in.

use std::time::Duration;

use super::bucket::{Bucket, time_for};
use super::waiting::Waiting;
use super::{ASK_AGAIN_AFTER, Answered, Ruling, Step, next_block};

/// What was leased is worth nothing after this time: the budget has filled up meanwhile.
const KEPT_FOR: Duration = Duration::from_secs(10);
/// The largest block is this part of the limit …
const LARGEST: u32 = 64;
/// … and the first one this.
const FIRST: u32 = 128;
/// Blocks that are smaller are asked for when they are needed: one kept in store would be missed
/// elsewhere.
const WORTH_STORING: u32 = 8;
/// The budget runs low when less than this part of it is left.
const LOW: f64 = 0.25;
/// An empty budget is not asked again within this time …
const EMPTY_FOR: Duration = Duration::from_millis(250);
/// … and is asked for more than comes in meanwhile, this part of the limit, so that one answer tells.
const COMES_IN: u32 = 120;
/// The least that a process goes by alone, of the limit.
const LEAST_SHARE: f64 = 0.125;

/// The lease. Times are any monotonic time since a fixed moment.
#[derive(Debug, Clone)]
pub struct RateLease {
    tokens: u32,
    /// When the last of them were granted.
    leased_at: Duration,
    block: u32,
    waiting: Waiting,
    /// What was left for others at the last answer.
    left: Option<f64>,
    empty_until: Duration,
    /// The limit that this goes by.
    limit: u32,
    /// What part of what was asked for last was granted.
    share: f64,
    /// What goes by while nobody answers.
    alone: Option<Bucket>,
    ask_again_at: Duration,
    used_at: Duration,
}

impl Default for RateLease {
    fn default() -> Self {
        Self {
            tokens: 0,
            leased_at: Duration::ZERO,
            block: 0,
            waiting: Waiting::default(),
            left: None,
            empty_until: Duration::ZERO,
            limit: 0,
            share: 1.0,
            alone: None,
            ask_again_at: Duration::ZERO,
            used_at: Duration::ZERO,
        }
    }
}

impl RateLease {
    /// Rules on one request of a service with this limit.
    pub fn take(&mut self, limit: u32, now: Duration) -> Step {
        self.used_at = now;
        if limit != self.limit {
            self.limit = limit;
            self.empty_until = Duration::ZERO;
            self.block = (limit / FIRST).max(1);
        }
        if self.alone.is_some() {
            let ask = now >= self.ask_again_at;
            return Step {
                ruling: self.take_alone(now),
                ask: if ask { self.ask() } else { None },
            };
        }
        if now.saturating_sub(self.leased_at) > KEPT_FOR {
            self.tokens = 0;
        }
        if self.tokens > 0 {
            self.tokens -= 1;
            let runs_out = self.tokens < self.block / 2;
            let may_store = self.block >= WORTH_STORING && self.is_plenty();
            return Step {
                ruling: Ruling::Go,
                ask: if runs_out && may_store {
                    self.ask()
                } else {
                    None
                },
            };
        }
        if now < self.empty_until {
            let after = self.empty_until - now;
            return Step {
                ruling: Ruling::Refuse { after },
                ask: None,
            };
        }
        self.waiting.join(self.block_to_ask())
    }

    /// What was asked for is answered: so much is granted, and so much is left for others.
    pub fn answered(&mut self, granted: u32, left: f64, now: Duration) -> Answered {
        let asked = self.waiting.answered(granted);
        self.block = next_block(
            self.block,
            now.saturating_sub(self.leased_at),
            self.limit / LARGEST,
        );
        self.alone = None;
        self.leased_at = now;
        self.left = Some(left);
        self.share = (f64::from(granted) / f64::from(asked.max(1))).clamp(LEAST_SHARE, 1.0);
        self.tokens = self.tokens.saturating_add(granted);
        let refuse_after = (granted < asked).then(|| {
            let after = time_for(1.0 - left, f64::from(self.limit)).max(EMPTY_FOR);
            self.empty_until = now + after;
            after
        });
        let block = self.block_to_ask();
        self.waiting.serve(&mut self.tokens, refuse_after, block)
    }

    /// There was no answer: until there is one, this goes on by itself, at the rate that it was last
    /// granted.
    pub fn failed(&mut self, now: Duration) -> Answered {
        self.ask_again_at = now + ASK_AGAIN_AFTER;
        if self.alone.is_none() {
            let limit = f64::from(self.limit);
            let left = self.left.unwrap_or(limit) + f64::from(self.tokens);
            self.alone = Some(Bucket::holding(left.clamp(0.0, limit), now));
            self.tokens = 0;
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.give_up(|| self.take_alone(now))
    }

    /// One who went on does not need it after all.
    pub const fn give_back(&mut self) {
        self.tokens = self.tokens.saturating_add(1);
    }

    /// Whether nothing is lost when it is forgotten.
    #[must_use]
    pub fn is_idle(&self, now: Duration) -> bool {
        !self.waiting.is_asking() && now.saturating_sub(self.used_at) > 6 * KEPT_FOR
    }

    fn take_alone(&mut self, now: Duration) -> Ruling {
        let per_minute = f64::from(self.limit) * self.share;
        match self.alone.as_mut().map(|own| own.take(per_minute, now)) {
            Some(Err(after)) => Ruling::Refuse { after },
            Some(Ok(())) | None => Ruling::Go,
        }
    }

    fn is_plenty(&self) -> bool {
        self.left
            .is_none_or(|left| left >= LOW * f64::from(self.limit))
    }

    fn ask(&mut self) -> Option<u32> {
        self.waiting.ask(self.block_to_ask())
    }

    fn block_to_ask(&self) -> u32 {
        if self.is_plenty() {
            self.block
        } else {
            self.limit / COMES_IN
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Processes that share a budget. An answer takes a while, and some are lost.
    struct Shared {
        budget: Bucket,
        limit: u32,
        processes: Vec<RateLease>,
        /// Answers on their way: when they come, to whom, what is granted and what is left.
        answers: Vec<(Duration, usize, u32, f64)>,
        n_gone_on: u32,
        n_refused: u32,
        n_asked: u32,
    }

    const ANSWERS_AFTER: Duration = Duration::from_millis(3);

    impl Shared {
        fn new(n: usize, limit: u32) -> Self {
            Self {
                budget: Bucket::holding(f64::from(limit), Duration::ZERO),
                limit,
                processes: vec![RateLease::default(); n],
                answers: Vec::new(),
                n_gone_on: 0,
                n_refused: 0,
                n_asked: 0,
            }
        }

        fn ask(&mut self, who: usize, ask: Option<u32>, now: Duration) {
            let Some(wanted) = ask else { return };
            self.n_asked += 1;
            let granted = self.budget.take_up_to(wanted, f64::from(self.limit), now);
            let left = self.budget.left();
            self.answers.push((now + ANSWERS_AFTER, who, granted, left));
        }

        fn until(&mut self, now: Duration) {
            while let Some(next) = self.answers.iter().position(|(at, ..)| *at <= now) {
                let (at, who, granted, left) = self.answers.remove(next);
                let n_waiting = self.processes[who].waiting.n();
                let answered = self.processes[who].answered(granted, left, at);
                self.n_gone_on += answered.n_served;
                if answered.refuse_after.is_some() {
                    self.n_refused += n_waiting - answered.n_served;
                }
                self.ask(who, answered.ask, at);
            }
        }

        fn request(&mut self, who: usize, now: Duration) {
            self.until(now);
            let step = self.processes[who].take(self.limit, now);
            match step.ruling {
                Ruling::Go => self.n_gone_on += 1,
                Ruling::Refuse { .. } => self.n_refused += 1,
                Ruling::Wait => {}
            }
            self.ask(who, step.ask, now);
        }
    }

    proptest! {
        #[test]
        fn together_they_let_no_more_through_than_the_limit(
            n in 1_usize..4,
            limit in prop_oneof![1_u32..20, 100_u32..6_000],
            requests in proptest::collection::vec((0_usize..4, 0_u64..40), 1..2_000),
        ) {
            let mut shared = Shared::new(n, limit);
            let mut now = Duration::ZERO;
            for (who, gap_ms) in requests {
                now += Duration::from_millis(gap_ms);
                shared.request(who % n, now);
            }
            shared.until(now + Duration::from_secs(1));
            let most = f64::from(limit) * (1.0 + (now.as_secs_f64() + 1.0) / 60.0);
            prop_assert!(f64::from(shared.n_gone_on) <= most);
            // And nobody waits for ever.
            prop_assert!(shared.processes.iter().all(|process| process.waiting.n() == 0));
        }
    }

    #[test]
    fn a_burst_as_large_as_the_limit_goes_through_and_the_next_is_refused() {
        for limit in [5, 300, 3_000] {
            let mut shared = Shared::new(2, limit);
            for n in 0..limit + 10 {
                // Two processes in turn, within a moment.
                shared.request(n as usize % 2, Duration::from_micros(u64::from(n)));
            }
            shared.until(Duration::from_millis(200));
            assert!(shared.n_gone_on >= limit, "{limit}: {}", shared.n_gone_on);
            assert!(shared.n_gone_on <= limit + limit / 60 + 1, "{limit}");
        }
    }

    #[test]
    fn a_steady_pace_below_the_limit_is_never_refused_and_costs_a_statement_a_second() {
        let mut shared = Shared::new(3, 3_000);
        for n in 0..40 * 60 {
            shared.request(n % 3, Duration::from_millis(25 * n as u64));
        }
        shared.until(Duration::from_secs(100));
        assert_eq!((shared.n_refused, shared.n_gone_on), (0, 40 * 60));
        assert!(shared.n_asked < 3 * 60, "{}", shared.n_asked);
    }

    #[test]
    fn one_who_hammers_at_an_empty_budget_costs_four_statements_a_second() {
        let mut shared = Shared::new(1, 600);
        for ms in 0..30_000 {
            shared.request(0, Duration::from_millis(ms));
        }
        // It had been full, and ten a second came in.
        assert!(
            (880..=900).contains(&shared.n_gone_on),
            "{}",
            shared.n_gone_on
        );
        assert!(shared.n_asked < 250, "{}", shared.n_asked);
    }

    #[test]
    fn without_an_answer_it_goes_on_by_itself_at_the_limit() {
        let mut lease = RateLease::default();
        assert_eq!(lease.take(60, Duration::ZERO).ruling, Ruling::Wait);
        let failed = lease.failed(Duration::from_millis(400));
        assert_eq!((failed.n_served, failed.refuse_after), (1, None));
        let (mut n, mut n_asked) = (1, 0);
        for ms in (400..60_400).step_by(100) {
            let now = Duration::from_millis(ms);
            let step = lease.take(60, now);
            n += u32::from(step.ruling == Ruling::Go);
            if step.ask.is_some() {
                n_asked += 1;
                lease.failed(now);
            }
        }
        assert!((119..=120).contains(&n), "{n}");
        assert!((55..=60).contains(&n_asked), "{n_asked}");
        lease.take(60, Duration::from_secs(70));
        lease.answered(1, 59.0, Duration::from_secs(70));
        assert!(lease.alone.is_none());
    }

    #[test]
    fn a_limit_that_was_raised_counts_at_once() {
        let mut lease = RateLease::default();
        lease.take(1, Duration::ZERO);
        lease.answered(0, 0.0, Duration::ZERO);
        let refused = lease.take(1, Duration::from_secs(1)).ruling;
        let after = Duration::from_secs(59);
        assert_eq!(refused, Ruling::Refuse { after });
        let again = lease.take(3_000, Duration::from_secs(1));
        assert_eq!(again.ruling, Ruling::Wait);
    }
}
