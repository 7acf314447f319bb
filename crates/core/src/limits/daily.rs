//! What one process of the API has leased of a service's messages in a day.
//!
//! Far from the limit a block is leased, and the next one before it is used up. Within the last
//! thousand only as many are leased as are waited for, so that none lies unused in one process while
//! another refuses: the limit is exact to the last message.

use std::time::Duration;

use chrono::NaiveDate;

use super::{ASK_AGAIN_AFTER, Answered, Ruling, Step, next_block};

/// When so few are left, each is leased for a message that waits for it.
const EXACT: u32 = 1_000;
/// The largest block …
const LARGEST: u32 = 1_000;
/// … and at most this part of what is left.
const PART: u32 = 32;
/// A day found full is looked at again after this time: others may hand something back.
const FULL_FOR: Duration = Duration::from_secs(1);
/// What was not used for this time is handed back.
const QUIET_AFTER: Duration = Duration::from_secs(60);

/// The counter as PostgreSQL answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayCount {
    /// The day of UTC.
    pub day: NaiveDate,
    /// How long it lasts from now.
    pub lasts: Duration,
    /// Messages accepted or leased in it.
    pub n: u64,
}

/// What is to be added to the counter of a day; below zero when it is handed back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Correction {
    /// The day.
    pub day: NaiveDate,
    /// How many.
    pub n: i64,
}

/// The lease of one channel. Times are any monotonic time since a fixed moment.
#[derive(Debug, Clone, Default)]
pub struct DailyLease {
    tokens: u32,
    /// The day they are of, until when.
    day: Option<(NaiveDate, Duration)>,
    block: u32,
    leased_at: Duration,
    /// For how much is asked just now.
    asked: Option<u32>,
    n_waiting: u32,
    limit: u32,
    /// What was left for others at the last answer.
    left: Option<u32>,
    full_until: Duration,
    /// While nobody answers: how many more may go on without a lease.
    alone: Option<u32>,
    ask_again_at: Duration,
    /// What the counter does not know yet.
    corrections: Vec<Correction>,
    used_at: Duration,
}

impl DailyLease {
    /// Rules on one message of a service with this limit. `today` is the host's day of UTC, by which
    /// is counted while PostgreSQL cannot say which day it is.
    pub fn take(&mut self, limit: u32, today: NaiveDate, now: Duration) -> Step {
        self.used_at = now;
        if limit != self.limit {
            self.limit = limit;
            self.full_until = Duration::ZERO;
        }
        self.end_day(now);
        if self.tokens > 0 {
            self.tokens -= 1;
            let runs_out = self.tokens < self.block / 2;
            return Step {
                ruling: Ruling::Go,
                ask: if runs_out && !self.is_exact() && self.alone.is_none() {
                    self.ask()
                } else {
                    None
                },
            };
        }
        if self.alone.is_some() {
            let ask = now >= self.ask_again_at;
            return Step {
                ruling: self.take_alone(today, now),
                ask: if ask { self.ask() } else { None },
            };
        }
        if now < self.full_until {
            return Step {
                ruling: self.refuse(now),
                ask: None,
            };
        }
        self.n_waiting += 1;
        Step {
            ruling: Ruling::Wait,
            ask: self.ask(),
        }
    }

    /// What was asked for is answered: so much is granted.
    pub fn answered(&mut self, granted: u32, count: DayCount, now: Duration) -> Answered {
        let asked = self.asked.take().unwrap_or(granted);
        if self.day.is_some_and(|(day, _)| day != count.day) {
            self.hand_back();
        }
        self.learn(self.limit, count, now);
        self.block = next_block(self.block, now.saturating_sub(self.leased_at), LARGEST);
        self.leased_at = now;
        self.alone = None;
        self.tokens = self.tokens.saturating_add(granted);
        let n_served = self.tokens.min(self.n_waiting);
        self.tokens -= n_served;
        self.n_waiting -= n_served;
        let mut answered = Answered {
            n_served,
            ..Answered::default()
        };
        if granted < asked {
            self.full_until = now + FULL_FOR;
            if self.n_waiting > 0 {
                self.n_waiting = 0;
                answered.refuse_after = Some(self.rest_of_day(now));
            }
        } else if self.n_waiting > 0 {
            answered.ask = self.ask();
        }
        answered
    }

    /// There was no answer: until there is one, messages go on without a lease, as many as were left
    /// at the last answer, and the counter learns of them later.
    pub fn failed(&mut self, today: NaiveDate, now: Duration) -> Answered {
        self.asked = None;
        self.ask_again_at = now + ASK_AGAIN_AFTER;
        if self.alone.is_none() {
            self.alone = Some(self.left.unwrap_or(self.limit));
        }
        let mut answered = Answered::default();
        while self.n_waiting > 0 {
            self.n_waiting -= 1;
            match self.take_alone(today, now) {
                Ruling::Refuse { after } => {
                    self.n_waiting = 0;
                    answered.refuse_after = Some(after);
                }
                Ruling::Go | Ruling::Wait => answered.n_served += 1,
            }
        }
        answered
    }

    /// One that went on was not accepted after all.
    pub const fn give_back(&mut self) {
        self.tokens = self.tokens.saturating_add(1);
    }

    /// What a count says that was taken past the lease.
    pub fn learn(&mut self, limit: u32, count: DayCount, now: Duration) {
        self.limit = limit;
        self.day = Some((count.day, now + count.lasts));
        let left = u64::from(self.limit).saturating_sub(count.n);
        self.left = Some(u32::try_from(left).unwrap_or(u32::MAX));
    }

    /// Takes out what is unused, for somebody who takes many at once; [`Self::put`] puts it back.
    pub fn surrender(&mut self, now: Duration) -> u32 {
        self.end_day(now);
        std::mem::take(&mut self.tokens)
    }

    /// Puts back what was surrendered.
    pub const fn put(&mut self, tokens: u32) {
        self.tokens = self.tokens.saturating_add(tokens);
    }

    /// Notes what the counter is to learn.
    pub fn correct(&mut self, correction: Correction) {
        if correction.n == 0 {
            return;
        }
        match self
            .corrections
            .iter_mut()
            .find(|c| c.day == correction.day)
        {
            Some(known) => known.n += correction.n,
            None => self.corrections.push(correction),
        }
    }

    /// Everything that is leased and not used is to be handed back.
    pub fn hand_back(&mut self) {
        let tokens = std::mem::take(&mut self.tokens);
        if let Some((day, _)) = self.day {
            self.correct(Correction {
                day,
                n: -i64::from(tokens),
            });
        }
    }

    /// Hands back what was not used for a while; whether nothing is lost when this is forgotten then.
    pub fn rest(&mut self, now: Duration) -> bool {
        self.end_day(now);
        if now.saturating_sub(self.used_at) < QUIET_AFTER || self.asked.is_some() {
            return false;
        }
        self.hand_back();
        self.corrections.is_empty() && self.n_waiting == 0
    }

    /// What the counter is to learn; whoever cannot tell it gives it back with [`Self::correct`].
    pub fn corrections(&mut self) -> Vec<Correction> {
        std::mem::take(&mut self.corrections)
    }

    fn take_alone(&mut self, today: NaiveDate, now: Duration) -> Ruling {
        match &mut self.alone {
            Some(0) => self.refuse(now),
            Some(left) => {
                *left -= 1;
                let day = self.day.map_or(today, |(day, _)| day);
                self.correct(Correction { day, n: 1 });
                Ruling::Go
            }
            None => Ruling::Go,
        }
    }

    const fn refuse(&self, now: Duration) -> Ruling {
        Ruling::Refuse {
            after: self.rest_of_day(now),
        }
    }

    const fn rest_of_day(&self, now: Duration) -> Duration {
        match self.day {
            Some((_, ends)) => ends.saturating_sub(now),
            // Full without an answer: the limit is zero, or a day's worth went on without one.
            None => Duration::from_secs(86_400),
        }
    }

    /// What was leased of a day that is over is of no use; the next day begins empty.
    fn end_day(&mut self, now: Duration) {
        if self.day.is_some_and(|(_, ends)| now >= ends) {
            self.hand_back();
            self.day = None;
            self.left = None;
            self.full_until = Duration::ZERO;
            self.alone = self.alone.map(|_| self.limit);
        }
    }

    const fn is_exact(&self) -> bool {
        match self.left {
            Some(left) => left <= EXACT,
            None => true,
        }
    }

    fn ask(&mut self) -> Option<u32> {
        if self.asked.is_some() {
            return None;
        }
        let block = match self.left {
            Some(left) if !self.is_exact() => self.block.min(left / PART),
            Some(_) | None => 1,
        };
        self.asked = Some(block.max(self.n_waiting).max(1));
        self.asked
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(n: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 2, n).unwrap()
    }

    /// Processes that share a counter; some messages are given back, as when an accept failed.
    struct Shared {
        counted: u32,
        limit: u32,
        processes: Vec<DailyLease>,
        asks: Vec<(usize, u32)>,
        n_accepted: u32,
        n_refused: u32,
        n_asked: u32,
    }

    impl Shared {
        fn new(n: usize, limit: u32) -> Self {
            Self {
                counted: 0,
                limit,
                processes: vec![DailyLease::default(); n],
                asks: Vec::new(),
                n_accepted: 0,
                n_refused: 0,
                n_asked: 0,
            }
        }

        fn request(&mut self, who: usize, now: Duration) {
            let step = self.processes[who].take(self.limit, day(1), now);
            match step.ruling {
                Ruling::Go => self.n_accepted += 1,
                Ruling::Refuse { .. } => self.n_refused += 1,
                Ruling::Wait => {}
            }
            self.asks.extend(step.ask.map(|n| (who, n)));
        }

        /// Answers whatever was asked first.
        fn answer(&mut self, now: Duration) -> bool {
            if self.asks.is_empty() {
                return false;
            }
            self.n_asked += 1;
            let (who, wanted) = self.asks.remove(0);
            let granted = wanted.min(self.limit - self.counted);
            self.counted += granted;
            let count = DayCount {
                day: day(1),
                lasts: Duration::from_secs(80_000) - now,
                n: self.counted.into(),
            };
            let n_waiting = self.processes[who].n_waiting;
            let answered = self.processes[who].answered(granted, count, now);
            self.n_accepted += answered.n_served;
            if answered.refuse_after.is_some() {
                self.n_refused += n_waiting - answered.n_served;
            }
            self.asks.extend(answered.ask.map(|n| (who, n)));
            true
        }
    }

    proptest! {
        #[test]
        fn whoever_races_for_the_last_ones_the_limit_is_met_exactly(
            n in 1_usize..4,
            limit in prop_oneof![0_u32..60, 1_000_u32..1_200, 3_000_u32..4_000],
            turns in proptest::collection::vec((0_usize..4, 0_u8..3), 0..500),
        ) {
            let mut shared = Shared::new(n, limit);
            let mut now = Duration::ZERO;
            for (who, what) in turns {
                now += Duration::from_millis(7);
                match what {
                    0 | 1 => for _ in 0..9 { shared.request(who % n, now) },
                    _ => { shared.answer(now); }
                }
            }
            while shared.answer(now) {}
            prop_assert!(shared.n_accepted <= limit);
            // All of them ask on: every one that is left is accepted, and not one more.
            for k in 0..(limit as usize + 2) * n {
                shared.request(k % n, now + Duration::from_secs(2));
                while shared.answer(now + Duration::from_secs(2)) {}
            }
            prop_assert_eq!(shared.n_accepted, limit);
            prop_assert_eq!(shared.counted, limit);
            prop_assert!(shared.processes.iter().all(|process| process.n_waiting == 0));
        }
    }

    #[test]
    fn far_from_the_limit_few_statements_are_needed() {
        let mut shared = Shared::new(2, 250_000);
        for n in 0..100_000_u32 {
            // 10,000 a second.
            shared.request(n as usize % 2, Duration::from_micros(100 * u64::from(n)));
            while shared.answer(Duration::from_micros(100 * u64::from(n))) {}
        }
        assert_eq!((shared.n_accepted, shared.n_refused), (100_000, 0));
        assert!(shared.n_asked < 300, "{}", shared.n_asked);
    }

    fn count(of: u32, n: u64, lasts_s: u64) -> DayCount {
        DayCount {
            day: day(of),
            lasts: Duration::from_secs(lasts_s),
            n,
        }
    }

    #[test]
    fn without_an_answer_messages_go_on_and_the_counter_learns_of_them_later() {
        let mut lease = DailyLease::default();
        let now = Duration::from_secs(1);
        assert_eq!(lease.take(3, day(1), now).ruling, Ruling::Wait);
        assert_eq!(lease.failed(day(1), now).n_served, 1);
        for _ in 0..2 {
            assert_eq!(lease.take(3, day(1), now).ruling, Ruling::Go);
        }
        // No more than a day's worth.
        let refused = lease.take(3, day(1), now).ruling;
        assert!(matches!(refused, Ruling::Refuse { .. }));
        let learnt = [Correction { day: day(1), n: 3 }];
        assert_eq!(lease.corrections(), learnt);
        // What could not be told is kept.
        lease.correct(learnt[0]);
        assert!(!lease.rest(Duration::from_secs(100)));
        assert_eq!(lease.corrections(), learnt);
        assert!(lease.rest(Duration::from_secs(100)));
    }

    #[test]
    fn what_was_found_full_stays_full_while_nobody_answers() {
        let mut lease = DailyLease::default();
        let now = Duration::from_secs(1);
        lease.take(50, day(1), now);
        let full = lease.answered(0, count(1, 50, 600), now);
        assert_eq!(full.refuse_after, Some(Duration::from_secs(600)));
        lease.take(50, day(1), now * 3);
        let failed = lease.failed(day(1), now * 3);
        assert_eq!(failed.refuse_after, Some(Duration::from_secs(598)));
    }

    #[test]
    fn what_is_left_of_a_day_is_handed_back_to_it() {
        let mut lease = DailyLease::default();
        let now = Duration::from_secs(1);
        lease.take(50_000, day(1), now);
        lease.answered(8, count(1, 8, 10), now);
        assert_eq!(lease.tokens, 7);
        let step = lease.take(50_000, day(2), Duration::from_secs(11));
        assert_eq!((step.ruling, step.ask), (Ruling::Wait, Some(1)));
        let handed_back = [Correction { day: day(1), n: -7 }];
        assert_eq!(lease.corrections(), handed_back);
    }

    #[test]
    fn a_service_that_went_quiet_hands_back_what_it_holds() {
        let mut lease = DailyLease::default();
        lease.take(50_000, day(1), Duration::ZERO);
        lease.answered(8, count(1, 8, 900), Duration::ZERO);
        assert!(!lease.rest(Duration::from_secs(59)));
        assert_eq!(lease.corrections(), []);
        assert!(!lease.rest(Duration::from_secs(60)));
        let handed_back = [Correction { day: day(1), n: -7 }];
        assert_eq!(lease.corrections(), handed_back);
        assert!(lease.rest(Duration::from_secs(60)));
    }
}
