//! How much of a service's e-mail bounces, and what follows.

use serde::Serialize;

/// When a service is warned, and when its e-mail is stopped: settings `[limits]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// From this many hard bounces in a hundred.
    pub warn_percent: u32,
    /// And from this many.
    pub stop_percent: u32,
    /// But only if this many were sent: a few bounces of a few say little.
    pub least_emails: u32,
}

/// What became of a service's e-mail in the last 24 hours, by the hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounces {
    /// Handed to a provider.
    pub sent: i64,
    /// Reported as undeliverable for good.
    pub hard_bounced: i64,
}

text_enum! {
    /// What the bounces of a service say.
    pub enum BounceHealth {
        /// Nothing to worry about.
        Good = "good",
        /// More than there should be.
        Warning = "warning",
        /// So many that nothing more may be sent.
        Critical = "critical",
    }
}

/// The bounces as people see them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BounceReport {
    /// E-mails sent in the last 24 hours.
    pub sent: i64,
    /// Of those and earlier ones, hard bounces in the last 24 hours.
    pub hard_bounced: i64,
    /// Hard bounces per hundred sent, rounded to tenths.
    pub percent: f64,
    /// What it says.
    pub health: BounceHealth,
}

impl Bounces {
    /// Hard bounces as a part of what was sent; 0 while nothing was.
    #[must_use]
    pub fn rate(&self) -> f64 {
        if self.sent <= 0 {
            return 0.0;
        }
        self.hard_bounced as f64 / self.sent as f64
    }

    /// What they say.
    #[must_use]
    pub fn health(&self, thresholds: &Thresholds) -> BounceHealth {
        let reaches = |percent: u32| {
            self.hard_bounced.saturating_mul(100) >= self.sent.saturating_mul(percent.into())
        };
        if self.sent < i64::from(thresholds.least_emails) {
            BounceHealth::Good
        } else if reaches(thresholds.stop_percent) {
            BounceHealth::Critical
        } else if reaches(thresholds.warn_percent) {
            BounceHealth::Warning
        } else {
            BounceHealth::Good
        }
    }

    /// As people see them.
    #[must_use]
    pub fn report(&self, thresholds: &Thresholds) -> BounceReport {
        BounceReport {
            sent: self.sent,
            hard_bounced: self.hard_bounced,
            percent: (self.rate() * 1_000.0).round() / 10.0,
            health: self.health(thresholds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_twentieth_warns_and_a_tenth_stops_once_enough_was_sent() {
        let thresholds = Thresholds {
            warn_percent: 5,
            stop_percent: 10,
            least_emails: 1_000,
        };
        let health = |sent, hard_bounced| Bounces { sent, hard_bounced }.health(&thresholds);
        assert_eq!(health(999, 999), BounceHealth::Good);
        assert_eq!(health(1_000, 49), BounceHealth::Good);
        assert_eq!(health(1_000, 50), BounceHealth::Warning);
        assert_eq!(health(1_000, 99), BounceHealth::Warning);
        assert_eq!(health(1_000, 100), BounceHealth::Critical);
        assert_eq!(health(0, 0), BounceHealth::Good);
        let bounces = Bounces {
            sent: 3_000,
            hard_bounced: 200,
        };
        assert_eq!(bounces.report(&thresholds).percent, 6.7);
    }
}
