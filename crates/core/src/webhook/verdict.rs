//! What follows from an answer.

use std::time::Duration;

use super::{Answer, CallOutcome, Ladder};

/// What becomes of the change that was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver has it.
    Delivered,
    /// Tell it again after this wait.
    Retry {
        /// From the answer on.
        after: Duration,
    },
    /// The receiver refuses it for good.
    Refused,
    /// The receiver is gone for good: this change and all later ones of the callback are not told.
    Disable,
    /// It failed, and it was the last attempt.
    Exhausted,
}

/// What a receiver asks for is honoured from …
const SHORTEST_ASKED: Duration = Duration::from_secs(1);
/// … to.
const LONGEST_ASKED: Duration = Duration::from_secs(24 * 60 * 60);
/// What was asked is kept to or exceeded by up to this share, so that not all come back at once.
const LATER: f64 = 0.1;

impl Verdict {
    /// Judges the answer to attempt number `attempt` (from 1); `dice` is uniform in [0, 1).
    ///
    /// 2xx is a success. 408, 425, 429, 5xx, a redirect (none is followed) and everything without
    /// an answer is tried again; 410 ends the callback; any other answer is a refusal.
    #[must_use]
    pub fn of(answer: Answer, attempt: u32, ladder: Ladder, dice: f64) -> Self {
        let asked = match answer {
            Answer::Status { code, retry_after } => match code {
                200..=299 => return Self::Delivered,
                410 => return Self::Disable,
                408 | 425 | 429 | 500.. | ..400 => retry_after,
                400..=499 => return Self::Refused,
            },
            Answer::Failed { .. } => None,
        };
        let Some(step) = ladder.after(attempt, dice) else {
            return Self::Exhausted;
        };
        let after = asked.map_or(step, |asked| {
            let asked = asked.clamp(SHORTEST_ASKED, LONGEST_ASKED);
            asked
                .mul_f64(1.0 + LATER * dice.clamp(0.0, 1.0))
                .min(LONGEST_ASKED)
        });
        Self::Retry { after }
    }

    /// How the telling ended; none while it goes on.
    #[must_use]
    pub const fn outcome(self) -> Option<CallOutcome> {
        match self {
            Self::Delivered => Some(CallOutcome::Delivered),
            Self::Retry { .. } => None,
            Self::Refused => Some(CallOutcome::Refused),
            Self::Disable => Some(CallOutcome::Disabled),
            Self::Exhausted => Some(CallOutcome::Exhausted),
        }
    }

    /// Whether the endpoint failed, as its breaker counts. One that refuses is there and answers.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Retry { .. } | Self::Exhausted)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{CallFailure, MAX_ATTEMPTS};
    use super::*;

    const LADDER: Ladder = Ladder { scale: 1.0 };

    fn status(code: u16, retry_after: Option<u64>) -> Answer {
        let retry_after = retry_after.map(Duration::from_secs);
        Answer::Status { code, retry_after }
    }

    fn seconds(secs: u64) -> Verdict {
        let after = Duration::from_secs(secs);
        Verdict::Retry { after }
    }

    #[test]
    fn each_class_of_answers_has_its_verdict() {
        let table = [
            (&[200, 202, 204, 299][..], Verdict::Delivered),
            (&[410], Verdict::Disable),
            (
                &[400, 401, 403, 404, 405, 409, 413, 422, 499],
                Verdict::Refused,
            ),
            (
                &[
                    100, 301, 302, 304, 308, 408, 425, 429, 500, 502, 503, 599, 999,
                ],
                seconds(300),
            ),
        ];
        for (codes, verdict) in table {
            for code in codes {
                let judged = Verdict::of(status(*code, None), 1, LADDER, 0.5);
                assert_eq!(judged, verdict, "{code}");
            }
        }
        for why in [
            CallFailure::TimedOut,
            CallFailure::Tls,
            CallFailure::Refused("loopback"),
        ] {
            let judged = Verdict::of(Answer::Failed { why }, 1, LADDER, 0.5);
            assert_eq!(judged, seconds(300));
        }
    }

    #[test]
    fn what_the_receiver_asks_is_honoured_within_reason() {
        for (asked, honoured) in [(0, 1), (10, 10), (86_400, 86_400), (9_999_999, 86_400)] {
            let judged = Verdict::of(status(503, Some(asked)), 1, LADDER, 0.0);
            assert_eq!(judged, seconds(honoured));
        }
        let refused = Verdict::of(status(400, Some(10)), 1, LADDER, 0.0);
        assert_eq!(refused, Verdict::Refused);
    }

    #[test]
    fn the_last_attempt_exhausts_whatever_is_asked() {
        let judged = Verdict::of(status(503, Some(10)), MAX_ATTEMPTS, LADDER, 0.5);
        assert_eq!(judged, Verdict::Exhausted);
        assert!(judged.is_failure());
    }

    proptest! {
        #[test]
        fn every_call_ends(codes in proptest::collection::vec(0u16..1000, 12), dice in 0.0f64..1.0) {
            let ends = (1..=MAX_ATTEMPTS).zip(codes).any(|(attempt, code)| {
                Verdict::of(status(code, None), attempt, LADDER, dice).outcome().is_some()
            });
            prop_assert!(ends);
        }

        #[test]
        fn a_wait_is_never_shorter_than_asked_nor_longer_than_a_day(
            asked in 1u64..200_000, dice in 0.0f64..1.0,
        ) {
            let Verdict::Retry { after } = Verdict::of(status(429, Some(asked)), 1, LADDER, dice) else {
                panic!("429 is tried again");
            };
            prop_assert!(after >= Duration::from_secs(asked.min(86_400)));
            prop_assert!(after <= Duration::from_secs(86_400));
        }
    }
}
