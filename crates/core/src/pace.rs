//! The pace of calls to one provider: slower at each refusal, faster as time passes without one.
//!
//! A provider that throttles is slowed down to, instead of being asked in vain: a refused call
//! costs it and us as much as an accepted one. Recovery is by time, not by calls, so a provider that
//! refused once on a quiet day is at full speed again half a minute later.

use std::time::Duration;

/// The least gap between the starts of two calls. Times are any monotonic time since a fixed
/// moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Pace {
    /// Seconds between two starts when `since` began; 0 is unlimited.
    gap: f64,
    /// When the last slow-down happened.
    since: Duration,
    starts: Starts,
}

/// How many calls start in a second, counted over short windows.
#[derive(Debug, Clone, PartialEq)]
struct Starts {
    /// When the present window began, and how many started since.
    since: Duration,
    n: u32,
    /// Of the window before.
    per_second: f64,
}

/// Fewer calls than one in this time are not what a refusal is about: the gap that the first one
/// starts from is no wider.
const FIRST: f64 = 0.001_6;
/// A gap below this is no limit worth keeping.
const NEGLIGIBLE: f64 = 0.000_2;
/// The slowest pace.
const SLOWEST: f64 = 1.0;
/// By how much a refusal widens the gap …
const SLOW_DOWN: f64 = 1.25;
/// … and by how much one that comes soon after the last: the pace is far too high still.
const SLOW_DOWN_SOON: f64 = 2.0;
/// What is soon.
const SOON: Duration = Duration::from_millis(700);
/// What is left of the gap after a second without a refusal.
const RECOVERY: f64 = 0.9;
/// Refusals within this time of a slow-down belong to the same burst.
const BURST: Duration = Duration::from_millis(200);
/// Over what time starts are counted.
const WINDOW: Duration = Duration::from_millis(250);

impl Pace {
    /// No limit.
    #[must_use]
    pub const fn unlimited() -> Self {
        Self {
            gap: 0.0,
            since: Duration::ZERO,
            starts: Starts {
                since: Duration::ZERO,
                n: 0,
                per_second: 0.0,
            },
        }
    }

    /// The gap to keep between the starts of two calls.
    #[must_use]
    pub fn gap(&self, now: Duration) -> Duration {
        let quiet = now.saturating_sub(self.since).as_secs_f64();
        let gap = self.gap * RECOVERY.powf(quiet);
        if gap < NEGLIGIBLE {
            Duration::ZERO
        } else {
            Duration::from_secs_f64(gap)
        }
    }

    /// A call starts.
    pub fn started(&mut self, now: Duration) {
        self.starts.count(now);
    }

    /// A call was refused: too many were made, at whatever pace was allowed.
    pub fn refused(&mut self, now: Duration) {
        if self.gap > 0.0 && now < self.since + BURST {
            return;
        }
        let is_soon = self.gap > 0.0 && now < self.since + SOON;
        let factor = if is_soon { SLOW_DOWN_SOON } else { SLOW_DOWN };
        let made = FIRST.min(1.0 / self.starts.per_second(now));
        let gap = self.gap(now).as_secs_f64().max(made);
        self.gap = (gap * factor).clamp(NEGLIGIBLE, SLOWEST);
        self.since = now;
    }
}

impl Starts {
    fn count(&mut self, now: Duration) {
        let elapsed = now.saturating_sub(self.since);
        if elapsed >= WINDOW {
            self.per_second = f64::from(self.n) / elapsed.as_secs_f64();
            (self.since, self.n) = (now, 0);
        }
        self.n = self.n.saturating_add(1);
    }

    fn per_second(&self, now: Duration) -> f64 {
        let elapsed = now.saturating_sub(self.since).max(WINDOW);
        self.per_second
            .max(f64::from(self.n) / elapsed.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds in which a pace is found.
    const FOUND_AFTER: f64 = 10.0;

    /// Runs two minutes against a provider that accepts `limit` calls per second, with a burst of
    /// as many as it refills in 100 ms. Returns what share of the limit was used, and what share of
    /// the calls was refused.
    fn against(limit: f64) -> (f64, f64) {
        let (mut pace, mut now) = (Pace::unlimited(), 0.0);
        let burst = f64::max(limit / 10.0, 1.0);
        let (mut tokens, mut accepted, mut refused) = (burst, 0.0, 0.0);
        while now < 120.0 {
            let at = Duration::from_secs_f64(now);
            let step = pace.gap(at).as_secs_f64().max(0.000_3);
            now += step;
            pace.started(Duration::from_secs_f64(now));
            tokens = f64::min(tokens + step * limit, burst);
            let is_counted = f64::from(u8::from(now > FOUND_AFTER));
            if tokens >= 1.0 {
                tokens -= 1.0;
                accepted += is_counted;
            } else {
                refused += is_counted;
                pace.refused(Duration::from_secs_f64(now));
            }
        }
        let used = accepted / (limit * (120.0 - FOUND_AFTER));
        (used, refused / (accepted + refused))
    }

    #[test]
    fn it_converges_to_what_the_provider_takes() {
        for (limit, least_used, most_refused) in [
            (2.0, 0.6, 0.3),
            (20.0, 0.9, 0.05),
            (200.0, 0.9, 0.01),
            (1_000.0, 0.9, 0.01),
            (2_000.0, 0.9, 0.01),
        ] {
            let (used, refused) = against(limit);
            assert!(used > least_used, "at {limit}/s only {used} is used");
            assert!(refused < most_refused, "at {limit}/s {refused} is refused");
        }
    }

    #[test]
    fn one_burst_of_refusals_slows_down_once() {
        let mut pace = Pace::unlimited();
        let second = Duration::from_secs(1);
        pace.refused(second);
        let once = pace.gap(second);
        pace.refused(second + Duration::from_millis(50));
        assert_eq!(pace.gap(second), once);
    }

    #[test]
    fn a_single_refusal_is_forgotten_within_half_a_minute() {
        let mut pace = Pace::unlimited();
        pace.refused(Duration::from_secs(1));
        assert!(pace.gap(Duration::from_secs(1)) <= Duration::from_millis(2));
        assert_eq!(pace.gap(Duration::from_secs(30)), Duration::ZERO);
    }
}
