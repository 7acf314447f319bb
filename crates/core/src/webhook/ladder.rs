//! The waits between the attempts of one call.

use std::time::Duration;

const MINUTES: u64 = 60;
const HOURS: u64 = 60 * MINUTES;

/// The wait after each failed attempt, in seconds: Notify's five tries five minutes apart, then
/// hours, for an endpoint that is down overnight. A little over two days in all.
const WAITS: [u64; 11] = [
    5 * MINUTES,
    5 * MINUTES,
    5 * MINUTES,
    5 * MINUTES,
    5 * MINUTES,
    HOURS,
    2 * HOURS,
    4 * HOURS,
    8 * HOURS,
    12 * HOURS,
    24 * HOURS,
];

/// Attempts in all, the first one counted.
pub const MAX_ATTEMPTS: u32 = 12;

/// Waits vary by this share in both directions, so that what failed together does not come back
/// together.
const JITTER: f64 = 0.1;

/// The waits, all multiplied by a scale for development and tests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ladder {
    /// Above 0, at most 1.
    pub scale: f64,
}

impl Ladder {
    /// The wait after attempt number `attempt` (from 1) has failed; none after the last. `dice` is
    /// uniform in [0, 1).
    #[must_use]
    pub fn after(self, attempt: u32, dice: f64) -> Option<Duration> {
        let rung = usize::try_from(attempt.max(1) - 1).ok()?;
        let wait = Duration::from_secs(*WAITS.get(rung)?);
        let jitter = 1.0 - JITTER + 2.0 * JITTER * dice.clamp(0.0, 1.0);
        Some(wait.mul_f64(jitter * self.scale.clamp(0.0, 1.0)))
    }

    /// All waits together, without jitter.
    #[must_use]
    pub fn total(self) -> Duration {
        Duration::from_secs(WAITS.iter().sum()).mul_f64(self.scale.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_published_waits_without_jitter() {
        let ladder = Ladder { scale: 1.0 };
        let minutes: Vec<_> = (1..=MAX_ATTEMPTS)
            .map_while(|attempt| ladder.after(attempt, 0.5))
            .map(|wait| (wait.as_secs_f64() / 60.0).round())
            .collect();
        let published = [5, 5, 5, 5, 5, 60, 120, 240, 480, 720, 1440].map(f64::from);
        assert_eq!(minutes, published);
        assert_eq!(ladder.after(MAX_ATTEMPTS, 0.5), None);
        assert_eq!(ladder.total().as_secs(), (51 * 60 + 25) * 60);
    }

    proptest! {
        #[test]
        fn jitter_stays_within_a_tenth_and_the_scale_shortens(
            attempt in 1u32..MAX_ATTEMPTS, dice in 0.0f64..1.0, scale in 0.001f64..=1.0,
        ) {
            let wait = Ladder { scale }.after(attempt, dice).unwrap().as_secs_f64();
            let step = WAITS[attempt as usize - 1] as f64 * scale;
            prop_assert!(wait >= step * 0.899 && wait <= step * 1.101, "{wait} of {step}");
        }

        #[test]
        fn no_attempt_after_the_last_is_waited_for(attempt in MAX_ATTEMPTS.., dice in 0.0f64..1.0) {
            prop_assert_eq!(Ladder { scale: 1.0 }.after(attempt, dice), None);
        }
    }
}
