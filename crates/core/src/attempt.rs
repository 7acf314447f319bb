//! Attempts: what came of one call to a provider.

use std::time::Duration;

use crate::ambiguity::{UNTIL_DECIDED, WhenAnswerLost};
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
    /// The provider certainly did not take it; a later try, or another provider, may succeed.
    Failed {
        /// What went wrong, without personal data.
        detail: String,
        /// What it says of other messages.
        blame: Blame,
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

/// Whom a failure is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// This message, as far as is known: its sender, its recipient or what it says.
    Message,
    /// The provider: it cannot be reached, or fails whoever is written to.
    Provider,
    /// Our account with it: it does not know us, or does not let us send.
    Account,
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
            Self::Rejected { detail }
            | Self::Failed { detail, .. }
            | Self::Ambiguous { detail } => Some(detail),
            Self::Accepted { .. } | Self::Throttled { .. } => None,
        }
    }
}

/// A throttled message waits at least this long: sooner it would only be refused again.
const SHORTEST_THROTTLE: Duration = Duration::from_secs(1);

/// And at most this long, whatever the provider asks.
const LONGEST_THROTTLE: Duration = Duration::from_secs(3_600);

/// The wait before another provider is tried, which has nothing to do with the trouble of the first.
const FAILOVER_AFTER: Duration = Duration::from_secs(1);

/// What a verdict depends on besides the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The number of the attempt, from 1.
    pub number: u32,
    /// How its lane retries.
    pub policy: RetryPolicy,
    /// Whether the provider reports what becomes of a message.
    pub has_receipts: bool,
    /// Whether another provider can be tried soon: there is one, and the attempt before this one did
    /// not fail as well.
    pub may_fail_over: bool,
    /// What its template says of lost answers.
    pub when_answer_lost: WhenAnswerLost,
}

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
    /// Decides what follows an attempt of a `created` notification.
    ///
    /// Trouble with our account is the provider's pause and costs a message no attempt.
    #[must_use]
    pub fn of(outcome: &Outcome, attempt: Attempt) -> Self {
        match outcome {
            Outcome::Accepted { .. } => {
                let event = if attempt.has_receipts {
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
                Self::wait(Reason::ProviderRate, attempt.sooner(wait), false)
            }
            Outcome::Failed {
                blame: Blame::Account,
                ..
            } => Self::wait(Reason::ProviderFailure, FAILOVER_AFTER, false),
            Outcome::Failed { .. } => Self::try_again(Reason::ProviderFailure, attempt),
            Outcome::Ambiguous { .. } => match attempt.when_answer_lost {
                WhenAnswerLost::Retry => Self::try_again(Reason::AnswerLost, attempt),
                WhenAnswerLost::Hold => Self::wait(Reason::AnswerLost, UNTIL_DECIDED, true),
                WhenAnswerLost::GiveUp => Self::give_up(Reason::AnswerLost),
            },
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

    /// After a lost answer not sooner than by the policy: a receipt may come before that.
    fn try_again(reason: Reason, attempt: Attempt) -> Self {
        match attempt.policy.after(attempt.number) {
            Next::Retry(wait) if reason == Reason::ProviderFailure => {
                Self::wait(reason, attempt.sooner(wait), true)
            }
            Next::Retry(wait) => Self::wait(reason, wait, true),
            // The provider may have it, which the end must not hide.
            Next::Exhausted if reason == Reason::AnswerLost => Self::give_up(reason),
            Next::Exhausted => Self::give_up(Reason::AttemptsExhausted),
        }
    }
}

impl Attempt {
    /// The wait, or less of it where another provider can be tried.
    fn sooner(self, wait: Duration) -> Duration {
        if self.may_fail_over {
            wait.min(FAILOVER_AFTER)
        } else {
            wait
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

    fn attempt(number: u32) -> Attempt {
        Attempt {
            number,
            policy: RetryPolicy::of(Channel::Email, Lane::Normal),
            has_receipts: true,
            may_fail_over: false,
            when_answer_lost: WhenAnswerLost::Retry,
        }
    }

    fn verdict(outcome: &Outcome, number: u32) -> Verdict {
        Verdict::of(outcome, attempt(number))
    }

    fn failed(blame: Blame) -> Outcome {
        Outcome::Failed {
            detail: "500".into(),
            blame,
        }
    }

    fn lost() -> Outcome {
        Outcome::Ambiguous {
            detail: "no answer in time".into(),
        }
    }

    #[test]
    fn an_accepted_message_is_sending_or_sent_where_no_receipts_come() {
        let accepted = Outcome::Accepted {
            reference: "r".into(),
        };
        assert_eq!(verdict(&accepted, 1).status, Status::Sending);
        let without = Attempt {
            has_receipts: false,
            ..attempt(1)
        };
        assert_eq!(Verdict::of(&accepted, without).status, Status::Sent);
    }

    #[test]
    fn a_permanent_refusal_ends_at_once_and_a_failure_after_the_last_attempt() {
        let rejected = Outcome::Rejected {
            detail: "no".into(),
        };
        assert_eq!(verdict(&rejected, 1).status, Status::TechnicalFailure);
        let failed = failed(Blame::Provider);
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
    fn where_there_is_another_provider_it_is_tried_soon_unless_the_first_may_have_the_message() {
        let two = |number| Attempt {
            may_fail_over: true,
            ..attempt(number)
        };
        let throttled = Outcome::Throttled {
            after: Duration::from_secs(600),
        };
        for outcome in [failed(Blame::Provider), failed(Blame::Message), throttled] {
            let verdict = Verdict::of(&outcome, two(1));
            assert_eq!(verdict.retry_after, Some(FAILOVER_AFTER), "{outcome:?}");
        }
        let verdict = Verdict::of(&lost(), two(1));
        assert_eq!(verdict.retry_after, Some(Duration::from_secs(300)));
        let last = Verdict::of(&failed(Blame::Provider), two(48));
        assert_eq!(last, Verdict::give_up(Reason::AttemptsExhausted));
        // A text message is tried again at once as it is.
        let sms = Attempt {
            policy: RetryPolicy::of(Channel::Sms, Lane::Normal),
            ..two(1)
        };
        let verdict = Verdict::of(&failed(Blame::Provider), sms);
        assert_eq!(verdict.retry_after, Some(Duration::ZERO));
    }

    #[test]
    fn trouble_with_our_account_costs_no_attempt_and_never_exhausts() {
        let verdict = verdict(&failed(Blame::Account), 48);
        assert!(!verdict.counted);
        assert_eq!(
            (verdict.status, verdict.retry_after),
            (Status::Created, Some(FAILOVER_AFTER))
        );
    }

    #[test]
    fn what_follows_a_lost_answer_is_the_template_s() {
        let of = |when_answer_lost, number| {
            let attempt = Attempt {
                when_answer_lost,
                ..attempt(number)
            };
            Verdict::of(&lost(), attempt)
        };
        for number in [1, 48] {
            let held = of(WhenAnswerLost::Hold, number);
            assert_eq!(
                (held.status, held.reason, held.retry_after),
                (
                    Status::Created,
                    Some(Reason::AnswerLost),
                    Some(UNTIL_DECIDED)
                )
            );
            let ended = of(WhenAnswerLost::GiveUp, number);
            assert_eq!(ended, Verdict::give_up(Reason::AnswerLost));
        }
        let again = of(WhenAnswerLost::Retry, 1);
        assert_eq!(again.retry_after, Some(Duration::from_secs(300)));
        // Also when nothing certain is known of a try beyond the last, which somebody asked for.
        for number in [48, 49] {
            let last = of(WhenAnswerLost::Retry, number);
            assert_eq!(last, Verdict::give_up(Reason::AnswerLost));
        }
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
