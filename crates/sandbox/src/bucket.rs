//! The global throttle: a token bucket, pure.

use std::time::Duration;

/// How much of a second's calls may come at once.
const BURST_SECONDS: f64 = 0.1;

/// Tokens left at a moment.
#[derive(Debug)]
pub(crate) struct Bucket {
    tokens: f64,
    at: Duration,
}

impl Bucket {
    /// A full bucket, whatever the rate.
    pub(crate) const fn full() -> Self {
        Self {
            tokens: f64::INFINITY,
            at: Duration::ZERO,
        }
    }

    /// Takes a token at `now`, any monotonic time; 0 per second is no limit. When there is none,
    /// says how long until the next.
    pub(crate) fn take(&mut self, per_second: u32, now: Duration) -> Result<(), Duration> {
        if per_second == 0 {
            *self = Self {
                tokens: f64::INFINITY,
                at: now,
            };
            return Ok(());
        }
        let rate = f64::from(per_second);
        let burst = (rate * BURST_SECONDS).max(1.0);
        let gained = now.saturating_sub(self.at).as_secs_f64() * rate;
        self.tokens = (self.tokens + gained).min(burst);
        self.at = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.tokens) / rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls accepted in ten seconds by a caller that asks again exactly when it is told to.
    fn ten_seconds_at(per_second: u32) -> u32 {
        let (mut bucket, mut now, mut accepted) = (Bucket::full(), Duration::ZERO, 0);
        while now < Duration::from_secs(10) {
            match bucket.take(per_second, now) {
                Ok(()) => accepted += 1,
                // A nanosecond more, because the wait is rounded.
                Err(wait) => now += wait + Duration::from_nanos(1),
            }
        }
        accepted
    }

    #[test]
    fn a_caller_that_obeys_gets_the_rate_and_one_burst() {
        for per_second in [1, 7, 100, 5_000] {
            let accepted = ten_seconds_at(per_second);
            let offered = per_second * 10;
            let burst = (per_second / 10).max(1);
            assert!(
                (offered - 1..=offered + burst + 1).contains(&accepted),
                "{per_second}: {accepted}"
            );
        }
    }

    #[test]
    fn a_burst_is_a_tenth_of_a_second() {
        let mut bucket = Bucket::full();
        let taken = (0..100)
            .take_while(|_| bucket.take(200, Duration::ZERO).is_ok())
            .count();
        assert_eq!(taken, 20);
    }

    #[test]
    fn no_rate_is_no_limit_and_a_new_rate_starts_with_its_burst() {
        let mut bucket = Bucket::full();
        assert!((0..1_000).all(|_| bucket.take(0, Duration::ZERO).is_ok()));
        assert_eq!(bucket.take(2, Duration::ZERO), Ok(()));
        assert_eq!(
            bucket.take(2, Duration::ZERO),
            Err(Duration::from_millis(500))
        );
    }
}
