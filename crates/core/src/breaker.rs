//! A circuit breaker before the broker: after three time-outs in a row accepts go straight to
//! PostgreSQL, and one publish a second tries whether the broker is back.

use std::time::Duration;

/// What to do with the next batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Publish it.
    Publish,
    /// Publish it: this one finds out whether the broker is back.
    Probe,
    /// Do not try the broker.
    Bypass,
}

/// The breaker. Times are any monotonic time since a fixed moment.
#[derive(Debug, Clone, Default)]
pub struct Breaker {
    failures: u32,
    /// When the next probe may go; set while open.
    probe_at: Option<Duration>,
}

/// Time-outs in a row that open the breaker.
const OPENS_AFTER: u32 = 3;
/// The time between two probes.
const PROBE_EVERY: Duration = Duration::from_secs(1);

impl Breaker {
    /// Decides the way of one batch at `now`.
    pub fn route(&mut self, now: Duration) -> Route {
        match self.probe_at {
            None => Route::Publish,
            Some(at) if now >= at => {
                self.probe_at = Some(now + PROBE_EVERY);
                Route::Probe
            }
            Some(_) => Route::Bypass,
        }
    }

    /// A publish was confirmed.
    pub fn confirmed(&mut self) {
        *self = Self::default();
    }

    /// A publish was not confirmed in time, or failed.
    pub fn failed(&mut self, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= OPENS_AFTER {
            self.probe_at = Some(now + PROBE_EVERY);
        }
    }

    /// Whether accepts bypass the broker.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.probe_at.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn it_opens_after_three_failures_probes_once_a_second_and_closes_on_success() {
        let mut breaker = Breaker::default();
        for ms in [0, 500, 1_000] {
            assert_eq!(breaker.route(at(ms)), Route::Publish);
            breaker.failed(at(ms));
        }
        assert!(breaker.is_open());
        assert_eq!(breaker.route(at(1_500)), Route::Bypass);
        assert_eq!(breaker.route(at(2_000)), Route::Probe);
        assert_eq!(breaker.route(at(2_001)), Route::Bypass);
        breaker.failed(at(2_500));
        assert_eq!(breaker.route(at(3_400)), Route::Bypass);
        assert_eq!(breaker.route(at(3_500)), Route::Probe);
        breaker.confirmed();
        assert_eq!(breaker.route(at(3_501)), Route::Publish);
    }

    #[test]
    fn a_confirm_between_failures_keeps_it_closed() {
        let mut breaker = Breaker::default();
        breaker.failed(at(0));
        breaker.failed(at(1));
        breaker.confirmed();
        breaker.failed(at(2));
        assert!(!breaker.is_open());
    }
}
