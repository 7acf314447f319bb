//! The pace of calls to one provider: additive increase, multiplicative decrease.
//!
//! A provider that throttles is slowed down to, instead of being asked in vain: a refused call
//! costs it and us as much as an accepted one.

use std::time::Duration;

/// The least gap between the starts of two calls; adapts to refusals.
#[derive(Debug, Clone, PartialEq)]
pub struct Pace {
    /// Seconds between two starts; 0 is unlimited.
    gap: f64,
    /// When the last slow-down happened, so that one burst of refusals counts once.
    slowed_at: Option<Duration>,
}

/// A gap below this is no limit worth keeping.
const NEGLIGIBLE: f64 = 0.000_2;
/// The slowest pace.
const SLOWEST: f64 = 1.0;
/// Refusals within this time of a slow-down belong to the same burst.
const BURST: Duration = Duration::from_millis(200);

impl Pace {
    /// No limit.
    #[must_use]
    pub const fn unlimited() -> Self {
        Self {
            gap: 0.0,
            slowed_at: None,
        }
    }

    /// The gap to keep between the starts of two calls.
    #[must_use]
    pub fn gap(&self) -> Duration {
        Duration::from_secs_f64(self.gap)
    }

    /// A call was refused; `now` is any monotonic time, `rate` the calls per second accepted of
    /// late (0 when unknown).
    pub fn refused(&mut self, now: Duration, rate: f64) {
        if self.slowed_at.is_some_and(|at| now < at + BURST) {
            return;
        }
        self.slowed_at = Some(now);
        let observed = if rate > 0.0 { 1.0 / rate } else { 0.005 };
        self.gap = (self.gap * 1.5).max(observed * 1.05).min(SLOWEST);
    }

    /// A call was accepted: go a little faster.
    pub fn accepted(&mut self) {
        if self.gap > 0.0 {
            self.gap *= 0.999;
            if self.gap < NEGLIGIBLE {
                self.gap = 0.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a minute against a provider that accepts `limit` calls per second, with a burst of as
    /// many as it refills in 100 ms. Returns (accepted, refused).
    fn a_minute_against(limit: f64) -> (u32, u32) {
        let (mut pace, mut now) = (Pace::unlimited(), 0.0);
        let (mut tokens, mut accepted, mut refused) = (limit / 10.0, 0, 0);
        while now < 60.0 {
            let step = pace.gap().as_secs_f64().max(0.000_3);
            now += step;
            tokens = f64::min(tokens + step * limit, limit / 10.0);
            if tokens >= 1.0 {
                tokens -= 1.0;
                accepted += 1;
                pace.accepted();
            } else {
                refused += 1;
                pace.refused(Duration::from_secs_f64(now), limit);
            }
        }
        (accepted, refused)
    }

    #[test]
    fn it_converges_to_what_the_provider_takes() {
        for limit in [20.0, 200.0, 1_000.0] {
            let (accepted, refused) = a_minute_against(limit);
            let offered = limit * 60.0;
            assert!(
                f64::from(accepted) > offered * 0.75,
                "{limit}: accepted {accepted}"
            );
            assert!(
                f64::from(refused) < offered * 0.20,
                "{limit}: refused {refused}"
            );
        }
    }

    #[test]
    fn one_burst_of_refusals_slows_down_once() {
        let mut pace = Pace::unlimited();
        pace.refused(Duration::from_secs(1), 100.0);
        let once = pace.gap();
        pace.refused(Duration::from_millis(1_050), 100.0);
        assert_eq!(pace.gap(), once);
    }
}
