//! One process's part of a provider's send rate, which all processes share.
//!
//! Turns are borrowed from the budget in PostgreSQL ahead of need, a tenth of a second's worth at a
//! time, so that no message costs a statement and no number of processes exceeds the rate.

use std::time::Duration;

/// The turns in hand of one provider. Times are any monotonic time since a fixed moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Allowance {
    /// What the provider takes of all processes together.
    per_second: f64,
    /// Turns in hand; below 0 so many are promised ahead of the next grants.
    turns: f64,
    /// What this process was granted lately.
    granted_per_second: f64,
    /// When something was granted, or refused, last.
    granted_at: Duration,
    /// Turns taken since.
    n_taken: f64,
    /// Turns that were wanted at once since.
    n_wanted: f64,
    /// How far ahead of their starts calls take their turns.
    ahead: Duration,
    /// What was asked for and is not answered.
    n_asked: f64,
}

/// How often turns are borrowed while they are used.
pub const BORROW_EVERY: Duration = Duration::from_millis(100);
/// Of the rate, so much more than falls to a period may be asked for: what a late statement left
/// over is made up for.
const MARGIN: f64 = 1.25;
/// Granted turns are spread over this share of a period, for the next grant may come early.
const SPREAD: f64 = 0.9;
/// Turns that nobody used for so long are no longer ours: others have had them since.
const KEPT_FOR: Duration = Duration::from_secs(1);
/// Of the rate, what a process counts on that was granted little or nothing yet.
const LEAST_SHARE: f64 = 0.25;
/// How much the last grant says of what this process is granted.
const NEWS: f64 = 0.3;

impl Allowance {
    /// No turns yet of a provider that takes so many calls per second.
    #[must_use]
    pub const fn new(per_second: f64) -> Self {
        Self {
            per_second,
            turns: 0.0,
            granted_per_second: 0.0,
            granted_at: Duration::ZERO,
            n_taken: 0.0,
            n_wanted: 0.0,
            ahead: Duration::ZERO,
            n_asked: 0.0,
        }
    }

    /// What the provider takes of all processes together.
    #[must_use]
    pub const fn per_second(&self) -> f64 {
        self.per_second
    }

    /// What this process was granted lately, in a second.
    #[must_use]
    pub const fn granted_per_second(&self) -> f64 {
        self.granted_per_second
    }

    /// The provider takes more or fewer from now on.
    pub fn change(&mut self, per_second: f64) {
        if per_second < self.per_second {
            self.turns = self.turns.min(0.0);
        }
        self.per_second = per_second;
    }

    /// How many calls may start before anything else is granted.
    #[must_use]
    pub fn turns(&self, now: Duration) -> usize {
        if now > self.granted_at + KEPT_FOR {
            return 0;
        }
        // At most what a period's worth is, so it fits.
        self.turns.max(0.0) as usize
    }

    /// The gap to keep after the start of a call, so that what is in hand lasts until the next grant.
    #[must_use]
    pub fn gap(&self, last_start: Duration) -> Duration {
        let of_all = 1.0 / (self.per_second * MARGIN);
        let next_grant = self.granted_at + BORROW_EVERY.mul_f64(SPREAD);
        let left = next_grant.saturating_sub(last_start).as_secs_f64();
        Duration::from_secs_f64((left / self.turns.max(1.0)).max(of_all))
    }

    /// So many calls wait, and those that can start within `ahead` would be started.
    pub fn wanted(&mut self, n: usize, ahead: Duration) {
        self.n_wanted = self.n_wanted.max(n as f64);
        self.ahead = ahead;
    }

    /// Whether to borrow now rather than at the next period: calls wait, there is no turn, and it is
    /// a while since anything was asked for.
    #[must_use]
    pub fn is_urgent(&self, now: Duration) -> bool {
        let asked_lately = now < self.granted_at + BORROW_EVERY;
        self.n_wanted >= 1.0 && self.turns(now) == 0 && !asked_lately
    }

    /// How long until the next turn will have been granted, by what was granted lately.
    #[must_use]
    pub fn wait(&self) -> Duration {
        let rate = self.granted_per_second.max(self.per_second * LEAST_SHARE);
        Duration::from_secs_f64(((1.0 - self.turns) / rate).max(0.0))
    }

    /// Takes a turn: one in hand, or the next that is granted.
    pub fn take(&mut self) {
        self.turns -= 1.0;
        self.n_taken += 1.0;
    }

    /// How many turns to borrow now; 0 is none. What is asked for must be answered by
    /// [`granted`](Self::granted) or [`unanswered`](Self::unanswered).
    pub fn ask(&mut self, now: Duration) -> u32 {
        if now > self.granted_at + KEPT_FOR {
            self.turns = self.turns.min(0.0);
        }
        let period = BORROW_EVERY + self.ahead;
        let most = (self.per_second * MARGIN * period.as_secs_f64()).max(1.0);
        let need = self.n_wanted.max(self.n_taken * MARGIN).min(most);
        self.n_asked = (need - self.turns).ceil().max(0.0);
        (self.n_wanted, self.n_taken) = (0.0, 0.0);
        // What is promised stays below what a lease lasts, so it fits.
        self.n_asked as u32
    }

    /// So many turns were granted of those asked for.
    pub fn granted(&mut self, n: u32, now: Duration) {
        let n = f64::from(n);
        let elapsed = now
            .saturating_sub(self.granted_at)
            .clamp(BORROW_EVERY / 4, KEPT_FOR);
        let rate = (n / elapsed.as_secs_f64()).min(self.per_second);
        self.granted_per_second += NEWS * (rate - self.granted_per_second);
        self.turns += n;
        self.granted_at = now;
        self.n_asked = 0.0;
    }

    /// Nobody answers: goes on at the rate that was granted last.
    pub fn unanswered(&mut self, now: Duration) {
        let elapsed = now.saturating_sub(self.granted_at).min(BORROW_EVERY * 2);
        let n = self.granted_per_second * elapsed.as_secs_f64();
        self.turns += n.min(self.n_asked);
        self.granted_at = now;
        self.n_asked = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The budget as PostgreSQL keeps it (store/src/provider_budget/borrow.sql).
    struct Budget {
        per_second: f64,
        tokens: f64,
        at: Duration,
    }

    impl Budget {
        fn borrow(&mut self, n: u32, now: Duration) -> u32 {
            let elapsed = now.saturating_sub(self.at).as_secs_f64();
            self.tokens = if elapsed > 1.0 {
                (self.per_second * 0.1).max(1.0)
            } else {
                let most = (self.per_second * 0.25).max(1.0);
                (self.tokens + elapsed * self.per_second).min(most)
            };
            self.at = now;
            let granted = f64::from(n).min(self.tokens.floor());
            self.tokens -= granted;
            granted as u32
        }
    }

    /// Runs so many hungry processes for ten seconds; returns the starts of each.
    fn run(n_processes: usize, per_second: f64) -> Vec<u32> {
        let mut budget = Budget {
            per_second,
            tokens: 0.0,
            at: Duration::ZERO,
        };
        let mut all = vec![(Allowance::new(per_second), Duration::ZERO, 0_u32); n_processes];
        for ms in 0..10_000_u64 {
            let now = Duration::from_millis(ms);
            for (at, (allowance, last_start, n_started)) in all.iter_mut().enumerate() {
                if ms % 100 == 17 * at as u64 {
                    let n = allowance.ask(now);
                    let granted = budget.borrow(n, now);
                    allowance.granted(granted, now);
                }
                allowance.wanted(1_000, Duration::ZERO);
                while allowance.turns(now) > 0 {
                    let due = *last_start + allowance.gap(*last_start);
                    if due > now {
                        break;
                    }
                    assert_eq!(allowance.wait(), Duration::ZERO);
                    allowance.take();
                    *last_start = due.max(now.saturating_sub(Duration::from_millis(50)));
                    *n_started += 1;
                }
            }
        }
        all.into_iter().map(|(_, _, n_started)| n_started).collect()
    }

    #[test]
    fn any_number_of_processes_use_the_rate_and_no_more() {
        for per_second in [5.0, 20.0, 100.0, 500.0, 2_000.0] {
            for n_processes in [1, 3, 5] {
                let started = run(n_processes, per_second);
                let rate = f64::from(started.iter().sum::<u32>()) / 10.0;
                let share = rate / per_second;
                assert!(
                    (0.9..=1.1).contains(&share),
                    "{n_processes} at {per_second}: {rate}"
                );
            }
        }
    }

    #[test]
    fn an_idle_process_asks_for_nothing_and_forgets_what_it_had() {
        let mut allowance = Allowance::new(100.0);
        let now = Duration::from_secs(5);
        assert_eq!(allowance.ask(now), 0);
        allowance.wanted(3, Duration::ZERO);
        assert!(allowance.is_urgent(now));
        assert_eq!(allowance.ask(now), 3);
        allowance.granted(3, now);
        assert_eq!(allowance.turns(now), 3);
        allowance.wanted(3, Duration::ZERO);
        assert!(!allowance.is_urgent(now));
        allowance.ask(now);
        allowance.granted(0, now);
        assert_eq!(allowance.turns(now + KEPT_FOR * 2), 0);
        assert_eq!(allowance.ask(now + KEPT_FOR * 2), 0);
    }

    #[test]
    fn without_an_answer_it_goes_on_at_the_last_rate() {
        let mut allowance = Allowance::new(1_000.0);
        let mut now = Duration::ZERO;
        let mut n_taken = 0;
        for period in 0..40 {
            now += BORROW_EVERY;
            allowance.wanted(1_000, Duration::ZERO);
            let n = allowance.ask(now);
            if period < 20 {
                allowance.granted(n.min(50), now);
            } else {
                allowance.unanswered(now);
            }
            while allowance.turns(now) > 0 {
                allowance.take();
                n_taken += u32::from(period >= 20);
            }
        }
        // 500 in a second, for two seconds.
        assert!((900..=1_050).contains(&n_taken), "{n_taken}");
    }

    proptest! {
        #[test]
        fn a_turn_that_is_promised_waits_for_its_grant(n in 1_u32..200) {
            let mut allowance = Allowance::new(100.0);
            allowance.wanted(1, Duration::ZERO);
            allowance.ask(Duration::ZERO);
            allowance.granted(1, BORROW_EVERY);
            prop_assert_eq!(allowance.wait(), Duration::ZERO);
            allowance.take();
            for nth in 1..=n {
                let wait = allowance.wait();
                prop_assert!(!wait.is_zero());
                allowance.take();
                prop_assert!(allowance.wait() > wait, "the {nth}th");
            }
            // What is promised is asked for.
            prop_assert!(allowance.ask(BORROW_EVERY) >= n);
        }
    }
}
