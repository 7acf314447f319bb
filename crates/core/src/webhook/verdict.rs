//! What follows from an answer.

use std::time::Duration;

use super::{Answer, CallOutcome, Ladder};

/// What becomes of the change that was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver has it.
    Delivered,
    /// Tell it again after this wait, the schedule's next.
    Retry {
        /// From the answer on.
        after: Duration,
    },
    /// The receiver wants no calls for a while: tell it again then. It is no step of the schedule.
    PutOff {
        /// For how long the endpoint asks to be left alone.
        asked: Duration,
        /// The wait of this change: not shorter.
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
    /// Judges the answer to an attempt that is step number `step` (from 1) of a schedule which
    /// began `begun_ago`; `dice` is uniform in [0, 1).
    ///
    /// 2xx is a success. 408, 425, 429, 5xx, a redirect (none is followed) and everything without
    /// an answer is tried again; 410 ends the callback; any other answer is a refusal. What asks
    /// for a wait gets it as often as it asks, until the whole time of the schedule is over.
    #[must_use]
    pub fn of(answer: Answer, step: u32, begun_ago: Duration, ladder: Ladder, dice: f64) -> Self {
        let asked = match answer {
            Answer::Status { code, retry_after } => match code {
                200..=299 => return Self::Delivered,
                410 => return Self::Disable,
                408 | 425 | 429 | 500.. | ..400 => retry_after,
                400..=499 => return Self::Refused,
            },
            Answer::Failed { .. } => None,
        };
        match asked {
            Some(_) if begun_ago >= ladder.total() => Self::Exhausted,
            Some(asked) => {
                let asked = asked.clamp(SHORTEST_ASKED, LONGEST_ASKED);
                let after = asked.mul_f64(1.0 + LATER * dice.clamp(0.0, 1.0));
                let after = after.min(LONGEST_ASKED);
                Self::PutOff { asked, after }
            }
            None => match ladder.after(step, dice) {
                Some(after) => Self::Retry { after },
                None => Self::Exhausted,
            },
        }
    }

    /// How the telling ended; none while it goes on.
    #[must_use]
    pub const fn outcome(self) -> Option<CallOutcome> {
        match self {
            Self::Delivered => Some(CallOutcome::Delivered),
            Self::Retry { .. } | Self::PutOff { .. } => None,
            Self::Refused => Some(CallOutcome::Refused),
            Self::Disable => Some(CallOutcome::Disabled),
            Self::Exhausted => Some(CallOutcome::Exhausted),
        }
    }

    /// Whether the endpoint failed, as its breaker counts. One that refuses is there and answers;
    /// none when it says only that it wants no calls for now.
    #[must_use]
    pub const fn has_failed(self) -> Option<bool> {
        match self {
            Self::Delivered | Self::Refused | Self::Disable => Some(false),
            Self::Retry { .. } | Self::Exhausted => Some(true),
            Self::PutOff { .. } => None,
        }
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

    fn first(answer: Answer) -> Verdict {
        Verdict::of(answer, 1, Duration::ZERO, LADDER, 0.5)
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
                let judged = first(status(*code, None));
                assert_eq!(judged, verdict, "{code}");
            }
        }
        for why in [
            CallFailure::TimedOut,
            CallFailure::Tls,
            CallFailure::Refused("loopback"),
        ] {
            let judged = first(Answer::Failed { why });
            assert_eq!(judged, seconds(300));
        }
    }

    #[test]
    fn what_the_receiver_asks_is_honoured_within_reason() {
        for (asked, honoured) in [(0, 1), (10, 10), (86_400, 86_400), (9_999_999, 86_400)] {
            let judged = Verdict::of(status(503, Some(asked)), 1, Duration::ZERO, LADDER, 0.0);
            let honoured = Duration::from_secs(honoured);
            let put_off = Verdict::PutOff {
                asked: honoured,
                after: honoured,
            };
            assert_eq!(judged, put_off);
            assert_eq!(judged.has_failed(), None);
        }
        assert_eq!(first(status(400, Some(10))), Verdict::Refused);
    }

    #[test]
    fn an_endpoint_that_asks_for_short_waits_is_given_the_whole_time_of_the_schedule() {
        let asks = |begun_ago| Verdict::of(status(503, Some(30)), 12, begun_ago, LADDER, 0.5);
        let nearly = LADDER.total() - Duration::from_secs(1);
        for begun_ago in [Duration::ZERO, Duration::from_secs(1_800), nearly] {
            assert_eq!(asks(begun_ago).outcome(), None, "{begun_ago:?}");
        }
        assert_eq!(asks(LADDER.total()), Verdict::Exhausted);
    }

    #[test]
    fn the_last_step_exhausts() {
        let last = Verdict::of(status(503, None), MAX_ATTEMPTS, LADDER.total(), LADDER, 0.5);
        assert_eq!(last, Verdict::Exhausted);
        assert_eq!(last.has_failed(), Some(true));
    }

    proptest! {
        #[test]
        fn every_call_ends(
            answers in proptest::collection::vec((0u16..1000, proptest::option::of(0u64..200_000)), 12),
            dice in 0.0f64..1.0,
        ) {
            let (mut step, mut begun_ago) = (1, Duration::ZERO);
            let ends = answers.iter().cycle().take(1_000_000).any(|(code, asked)| {
                match Verdict::of(status(*code, *asked), step, begun_ago, LADDER, dice) {
                    Verdict::Retry { after } => {
                        step += 1;
                        begun_ago += after;
                        false
                    }
                    Verdict::PutOff { after, .. } => {
                        begun_ago += after;
                        false
                    }
                    _ => true,
                }
            });
            prop_assert!(ends);
        }

        #[test]
        fn a_wait_is_never_shorter_than_asked_nor_longer_than_a_day(
            wanted in 1u64..200_000, dice in 0.0f64..1.0,
        ) {
            let answer = status(429, Some(wanted));
            let Verdict::PutOff { asked, after } = Verdict::of(answer, 1, Duration::ZERO, LADDER, dice) else {
                panic!("429 is tried again");
            };
            prop_assert_eq!(asked, Duration::from_secs(wanted.min(86_400)));
            prop_assert!(after >= asked && after <= Duration::from_secs(86_400));
        }
    }
}
