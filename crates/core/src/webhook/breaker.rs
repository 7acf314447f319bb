//! The circuit breaker of an endpoint: after failures in a row it is left alone for a while, then
//! one call finds out whether it is back.

use std::time::Duration;

/// Failures in a row that pause an endpoint.
pub const OPENS_AFTER: u32 = 5;

/// The pause after the fifth failure in a row, the sixth, …: doubling; the last is for all later
/// ones.
pub const PAUSES: [Duration; 7] = [
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(40),
    Duration::from_secs(80),
    Duration::from_secs(160),
    Duration::from_secs(320),
    LONGEST_PAUSE,
];

/// The longest pause.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// An endpoint's state. Times are any monotonic time since a fixed moment.
///
/// The state is kept in PostgreSQL, for all workers share it, and moved there by one statement:
/// this is what the statement must do, and a test of the store compares the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Breaker {
    /// Failures in a row, counted as [`Breaker::on`] says.
    pub n_failures: u32,
    /// Until when nothing is sent.
    pub paused_until: Option<Duration>,
}

/// What a batch of answers says of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heard {
    /// Calls that failed.
    pub n_failed: u32,
    /// Whether any was answered.
    pub has_answered: bool,
    /// For how long it asks to be left alone, if it does. That is neither a failure nor an answer.
    pub asked: Option<Duration>,
}

impl Breaker {
    /// Takes in what was heard at `now`.
    ///
    /// One answer resets. Calls that failed together are one piece of news: they may open it, and
    /// while it is open those that were on their way before change nothing. What the endpoint asks
    /// for it gets, whatever else was heard; it costs nothing of what makes up the count.
    #[must_use]
    pub fn on(self, heard: Heard, now: Duration) -> Self {
        let felt = if heard.has_answered {
            Self {
                n_failures: 0,
                // A pause that it asked for goes on; the breaker's own ends.
                paused_until: self.paused_until.filter(|_| !self.is_open()),
            }
        } else if heard.n_failed == 0 || self.is_paused(now) {
            self
        } else {
            let most = OPENS_AFTER.max(self.n_failures.saturating_add(1));
            let n_failures = self.n_failures.saturating_add(heard.n_failed).min(most);
            Self {
                n_failures,
                paused_until: pause(n_failures).map(|pause| now + pause),
            }
        };
        let asked_until = heard.asked.map(|asked| now + asked);
        Self {
            paused_until: felt.paused_until.max(asked_until),
            ..felt
        }
    }

    const fn is_open(self) -> bool {
        self.n_failures >= OPENS_AFTER
    }

    /// Whether nothing is sent now.
    #[must_use]
    pub fn is_paused(self, now: Duration) -> bool {
        self.paused_until.is_some_and(|until| until > now)
    }

    /// How many calls may be on their way: after a pause one, which finds out.
    #[must_use]
    pub const fn window(self, whole: u32) -> u32 {
        if self.is_open() { 1 } else { whole }
    }
}

/// The pause after so many failures in a row.
fn pause(n_failures: u32) -> Option<Duration> {
    let beyond = usize::try_from(n_failures.checked_sub(OPENS_AFTER)?).ok()?;
    Some(PAUSES.get(beyond).copied().unwrap_or(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn at(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    const fn heard(n_failed: u32, has_answered: bool) -> Heard {
        Heard {
            n_failed,
            has_answered,
            asked: None,
        }
    }

    fn asked(secs: u64) -> Heard {
        Heard {
            asked: Some(at(secs)),
            ..Heard::default()
        }
    }

    #[test]
    fn five_failures_in_a_row_pause_it_and_each_probe_that_fails_doubles_the_pause() {
        let mut breaker = Breaker::default();
        for n in 0..4 {
            breaker = breaker.on(heard(1, false), at(n));
            assert!(!breaker.is_paused(at(n)));
        }
        let mut now = at(4);
        for secs in [10, 20, 40, 80, 160, 320, 600, 600, 600] {
            breaker = breaker.on(heard(1, false), now);
            assert_eq!(breaker.paused_until, Some(now + at(secs)));
            assert_eq!(breaker.window(1_000), 1);
            now += at(secs);
            assert!(!breaker.is_paused(now));
        }
    }

    #[test]
    fn one_answer_resets() {
        let breaker = Breaker::default().on(heard(9, false), at(0));
        assert_eq!(breaker.on(heard(3, true), at(1)), Breaker::default());
        let nearly = Breaker::default()
            .on(heard(4, false), at(0))
            .on(heard(0, true), at(1));
        assert!(!nearly.on(heard(4, false), at(2)).is_paused(at(2)));
    }

    #[test]
    fn calls_that_fail_together_open_it_once() {
        let breaker = Breaker::default().on(heard(16, false), at(0));
        assert_eq!(
            (breaker.n_failures, breaker.paused_until),
            (5, Some(at(10)))
        );
        assert_eq!(breaker.on(heard(16, false), at(1)), breaker);
    }

    #[test]
    fn what_the_endpoint_asks_for_is_no_failure_and_outlasts_the_answers_of_others() {
        let breaker = Breaker::default()
            .on(heard(4, false), at(0))
            .on(asked(30), at(1));
        assert_eq!(
            (breaker.n_failures, breaker.paused_until),
            (4, Some(at(31)))
        );
        assert_eq!(breaker.on(heard(9, false), at(2)), breaker);
        let answered = breaker.on(heard(0, true), at(2));
        assert_eq!(
            (answered.n_failures, answered.paused_until),
            (0, Some(at(31)))
        );
        assert_eq!(
            answered.on(asked(2), at(3)),
            answered,
            "the longer one counts"
        );
        let both = Heard {
            has_answered: true,
            ..asked(5)
        };
        let limited = Breaker::default().on(both, at(0));
        assert_eq!((limited.n_failures, limited.window(64)), (0, 64));
        assert!(limited.is_paused(at(4)) && !limited.is_paused(at(5)));
    }

    proptest! {
        #[test]
        fn it_is_never_paused_for_longer_than_ten_minutes(
            batches in proptest::collection::vec((0u32..40, any::<bool>(), 0u64..700), 0..50),
        ) {
            let (mut breaker, mut now) = (Breaker::default(), at(0));
            for (n_failed, has_answered, later) in batches {
                now += at(later);
                breaker = breaker.on(heard(n_failed, has_answered), now);
                prop_assert!(breaker.paused_until.is_none_or(|until| until <= now + LONGEST_PAUSE));
                prop_assert_eq!(breaker.is_paused(now), breaker.is_paused(now) && breaker.n_failures >= OPENS_AFTER);
            }
        }
    }
}
