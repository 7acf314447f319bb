//! A bucket of tokens: it holds at most a minute's worth, and fills evenly.

use std::time::Duration;

/// The bucket. Times are any monotonic time since a fixed moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    tokens: f64,
    /// When it held them.
    at: Duration,
}

impl Bucket {
    /// A bucket that holds so many.
    #[must_use]
    pub const fn holding(tokens: f64, now: Duration) -> Self {
        Self { tokens, at: now }
    }

    /// Takes up to `wanted` whole tokens out; returns how many there were. PostgreSQL does the
    /// same for all processes together (`store/src/limits/lease_rates.sql`).
    pub fn take_up_to(&mut self, wanted: u32, per_minute: f64, now: Duration) -> u32 {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        let tokens = f64::min(self.tokens + per_minute * passed / 60.0, per_minute);
        let taken = f64::min(f64::from(wanted), tokens.floor()).max(0.0);
        self.tokens = tokens - taken;
        self.at = self.at.max(now);
        // A whole number from 0 to `wanted`.
        taken as u32
    }

    /// Takes one token.
    ///
    /// # Errors
    /// The time until there is one.
    pub fn take(&mut self, per_minute: f64, now: Duration) -> Result<(), Duration> {
        if self.take_up_to(1, per_minute, now) == 1 {
            return Ok(());
        }
        Err(time_for(1.0 - self.tokens, per_minute))
    }

    /// What is left in it.
    #[must_use]
    pub const fn left(&self) -> f64 {
        self.tokens
    }
}

/// How long so many tokens take to come; at most an hour.
#[must_use]
pub fn time_for(tokens: f64, per_minute: f64) -> Duration {
    let seconds = tokens.max(0.0) * 60.0 / per_minute;
    Duration::from_secs_f64(if seconds < 3_600.0 { seconds } else { 3_600.0 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_span_of_time_lets_more_through_than_a_minute_s_worth_and_what_comes_in_it(
            per_minute in 1_u32..5_000,
            gaps_ms in proptest::collection::vec(0_u64..5_000, 1..300),
        ) {
            let limit = f64::from(per_minute);
            let mut bucket = Bucket::holding(limit, Duration::ZERO);
            let mut now = Duration::ZERO;
            let mut passed: Vec<Duration> = Vec::new();
            for gap in gaps_ms {
                now += Duration::from_millis(gap);
                match bucket.take(limit, now) {
                    Ok(()) => passed.push(now),
                    Err(wait) => {
                        // Not a moment sooner, and then surely.
                        let mut early = bucket.clone();
                        prop_assert!(early.take(limit, now + wait.mul_f64(0.98)).is_err());
                        let mut then = bucket.clone();
                        let at = now + wait + Duration::from_micros(1);
                        prop_assert!(then.take(limit, at).is_ok());
                    }
                }
            }
            for (i, from) in passed.iter().enumerate() {
                for (j, to) in passed.iter().enumerate().skip(i) {
                    let most = limit + limit * (*to - *from).as_secs_f64() / 60.0;
                    prop_assert!((j - i + 1) as f64 <= most + 1e-6);
                }
            }
        }
    }
}
