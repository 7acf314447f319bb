//! Retries: how often and when a message is tried again.

use std::time::Duration;

use crate::channel::Channel;
use crate::lane::Lane;

/// How a lane retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, the first one counted.
    pub max_attempts: u32,
    /// The wait between attempts.
    pub delay: Duration,
    /// The wait before the second attempt.
    pub first_delay: Duration,
}

/// What follows a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Try again after this wait.
    Retry(Duration),
    /// The policy is used up.
    Exhausted,
}

impl RetryPolicy {
    /// The policy of a lane: 48 attempts, 25 s apart in the priority lane and 300 s otherwise; an
    /// SMS is first tried again at once.
    #[must_use]
    pub const fn of(channel: Channel, lane: Lane) -> Self {
        let delay = match lane {
            Lane::Priority => Duration::from_secs(25),
            Lane::Normal | Lane::Bulk => Duration::from_secs(300),
        };
        let first_delay = match channel {
            Channel::Sms => Duration::ZERO,
            Channel::Email => delay,
        };
        Self {
            max_attempts: 48,
            delay,
            first_delay,
        }
    }

    /// The same policy with waits multiplied, for development and tests.
    #[must_use]
    pub fn scaled(self, scale: f64) -> Self {
        Self {
            delay: self.delay.mul_f64(scale),
            first_delay: self.first_delay.mul_f64(scale),
            ..self
        }
    }

    /// What follows when attempt number `attempt` (from 1) failed.
    #[must_use]
    pub const fn after(self, attempt: u32) -> Next {
        if attempt >= self.max_attempts {
            Next::Exhausted
        } else if attempt <= 1 {
            Next::Retry(self.first_delay)
        } else {
            Next::Retry(self.delay)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sms_is_tried_again_at_once_then_in_its_lane_s_step() {
        let policy = RetryPolicy::of(Channel::Sms, Lane::Priority);
        assert_eq!(policy.after(1), Next::Retry(Duration::ZERO));
        assert_eq!(policy.after(2), Next::Retry(Duration::from_secs(25)));
        assert_eq!(policy.after(47), Next::Retry(Duration::from_secs(25)));
        assert_eq!(policy.after(48), Next::Exhausted);
    }

    #[test]
    fn waits_scale_and_attempts_do_not() {
        let policy = RetryPolicy::of(Channel::Email, Lane::Normal).scaled(0.01);
        assert_eq!(policy.after(1), Next::Retry(Duration::from_secs(3)));
        assert_eq!(policy.max_attempts, 48);
    }
}
