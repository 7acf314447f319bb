//! Attempts: what came of one call to a provider.

use std::time::Duration;

use crate::notification::{Event, Status};
use crate::reason::Reason;
use crate::retry::{Next, RetryPolicy};
use crate::suppression::SuppressionReason;
use crate::timeline::TimelineEvent;

/// What a provider answered, or failed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The provider has taken the message and will report by this reference.
    Accepted {
        /// The provider's own id of the message.
        reference: String,
    },
    /// The provider refuses it for good; trying again is of no use.
    Rejected {
        /// The provider's words, without personal data.
        detail: String,
    },
    /// The provider did not take it; a later try may succeed.
    Failed {
        /// What went wrong, without personal data.
        detail: String,
    },
    /// The provider takes fewer calls per second than we make. Not counted as an attempt.
    Throttled {
        /// How long the provider asks to wait.
        after: Duration,
    },
    /// The answer was lost after the call may have reached the provider.
    Ambiguous {
        /// What went wrong, without personal data.
        detail: String,
    },
}

impl Outcome {
    /// The outcome's name, in metrics and on timelines.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Rejected { .. } => "rejected",
            Self::Failed { .. } => "failed",
            Self::Throttled { .. } => "throttled",
            Self::Ambiguous { .. } => "ambiguous",
        }
    }

    /// The provider's words, if it had any.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Rejected { detail } | Self::Failed { detail } | Self::Ambiguous { detail } => {
                Some(detail)
            }
            Self::Accepted { .. } | Self::Throttled { .. } => None,
        }
    }
}

/// A throttled message waits at least this long: sooner it would only be refused again.
const SHORTEST_THROTTLE: Duration = Duration::from_secs(1);

/// And at most this long, whatever the provider asks.
const LONGEST_THROTTLE: Duration = Duration::from_secs(3_600);

/// What follows from an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// The new status; `created` when another try follows.
    pub status: Status,
    /// What goes on the timeline.
    pub event: TimelineEvent,
    /// And why.
    pub reason: Option<Reason>,
    /// The wait before the next try.
    pub retry_after: Option<Duration>,
    /// Whether the try counts as an attempt of the policy.
    pub counted: bool,
}

impl Verdict {
    /// Decides what follows attempt number `attempt` (from 1) of a `created` notification.
    #[must_use]
    pub fn of(outcome: &Outcome, attempt: u32, policy: RetryPolicy, has_receipts: bool) -> Self {
        match outcome {
            Outcome::Accepted { .. } => {
                let event = if has_receipts {
                    Event::Accepted
                } else {
                    Event::AcceptedWithoutReceipts
                };
                Self {
                    status: after(event),
                    event: TimelineEvent::Attempted,
                    reason: None,
                    retry_after: None,
                    counted: true,
                }
            }
            Outcome::Rejected { .. } => Self::give_up(Reason::ProviderRejected),
            Outcome::Throttled { after } => {
                let wait = (*after).clamp(SHORTEST_THROTTLE, LONGEST_THROTTLE);
                Self::wait(Reason::ProviderRate, wait, false)
            }
            Outcome::Failed { .. } => Self::try_again(Reason::ProviderFailure, attempt, policy),
            Outcome::Ambiguous { .. } => Self::try_again(Reason::AnswerLost, attempt, policy),
        }
    }

    /// It can never be sent.
    #[must_use]
    pub fn give_up(reason: Reason) -> Self {
        Self {
            status: after(Event::GaveUp),
            event: TimelineEvent::Failed,
            reason: Some(reason),
            retry_after: None,
            counted: true,
        }
    }

    /// Its recipient is on the service's suppression list: no provider is asked.
    #[must_use]
    pub fn suppressed(reason: SuppressionReason) -> Self {
        Self {
            status: after(Event::Suppressed),
            event: TimelineEvent::Failed,
            reason: Some(reason.reason()),
            retry_after: None,
            counted: false,
        }
    }

    /// It was not tried and waits.
    #[must_use]
    pub const fn hold(reason: Reason, wait: Duration) -> Self {
        Self {
            status: Status::Created,
            event: TimelineEvent::Held,
            reason: Some(reason),
            retry_after: Some(wait),
            counted: false,
        }
    }

    const fn wait(reason: Reason, wait: Duration, counted: bool) -> Self {
        Self {
            status: Status::Created,
            event: TimelineEvent::Attempted,
            reason: Some(reason),
            retry_after: Some(wait),
            counted,
        }
    }

    fn try_again(reason: Reason, attempt: u32, policy: RetryPolicy) -> Self {
        match policy.after(attempt) {
            Next::Retry(wait) => Self::wait(reason, wait, true),
            Next::Exhausted => Self::give_up(Reason::AttemptsExhausted),
        }
    }
}

/// The status after an event on a created notification; every event of a verdict moves it.
fn after(event: Event) -> Status {
    Status::Created.on(event).unwrap_or(Status::Created)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Channel;
    use crate::lane::Lane;

    fn verdict(outcome: &Outcome, attempt: u32) -> Verdict {
        Verdict::of(
            outcome,
            attempt,
            RetryPolicy::of(Channel::Email, Lane::Normal),
            true,
        )
    }

    #[test]
    fn an_accepted_message_is_sending_or_sent_where_no_receipts_come() {
        let accepted = Outcome::Accepted {
            reference: "r".into(),
        };
        assert_eq!(verdict(&accepted, 1).status, Status::Sending);
        let policy = RetryPolicy::of(Channel::Sms, Lane::Bulk);
        assert_eq!(
            Verdict::of(&accepted, 1, policy, false).status,
            Status::Sent
        );
    }

    #[test]
    fn a_permanent_refusal_ends_at_once_and_a_failure_after_the_last_attempt() {
        let rejected = Outcome::Rejected {
            detail: "no".into(),
        };
        assert_eq!(verdict(&rejected, 1).status, Status::TechnicalFailure);
        let failed = Outcome::Failed {
            detail: "500".into(),
        };
        assert_eq!(
            verdict(&failed, 47).retry_after,
            Some(Duration::from_secs(300))
        );
        assert_eq!(
            verdict(&failed, 48),
            Verdict::give_up(Reason::AttemptsExhausted)
        );
    }

    #[test]
    fn a_suppressed_message_is_final_without_an_attempt() {
        for reason in SuppressionReason::ALL {
            let verdict = Verdict::suppressed(*reason);
            assert_eq!(verdict.status, Status::PermanentFailure);
            assert_eq!(verdict.reason, Some(reason.reason()));
            assert!(!verdict.counted && verdict.retry_after.is_none());
        }
    }

    #[test]
    fn throttling_is_no_attempt_and_never_exhausts() {
        let throttled = Outcome::Throttled {
            after: Duration::from_secs(2),
        };
        let verdict = verdict(&throttled, 48);
        assert!(!verdict.counted);
        assert_eq!(
            (verdict.status, verdict.retry_after),
            (Status::Created, Some(Duration::from_secs(2)))
        );
    }
}
