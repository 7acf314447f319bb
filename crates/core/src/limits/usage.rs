//! What a service has used of its limits, as people see it.

use chrono::NaiveDate;
use serde::Serialize;

use super::Limits;
use super::bounces::{BounceReport, Bounces, Thresholds};

/// The day so far.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Usage {
    /// The day of UTC.
    pub day: NaiveDate,
    /// Requests that may be made in a minute with each type of key.
    pub rate_limit: u32,
    /// E-mails.
    pub email: OfDay,
    /// Text messages.
    pub sms: OfDay,
    /// What became of its e-mail.
    pub email_bounces: BounceReport,
}

/// One channel of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct OfDay {
    /// Messages accepted, and those that processes of the API have leased and not used yet.
    pub used: u64,
    /// The most there may be.
    pub limit: u32,
    /// How many may still be sent.
    pub left: u64,
}

impl Usage {
    /// Of what the counters say.
    #[must_use]
    pub fn of(
        day: NaiveDate,
        limits: &Limits,
        (n_emails, n_sms): (u64, u64),
        bounces: Bounces,
        thresholds: &Thresholds,
    ) -> Self {
        let of_day = |used: u64, limit: u32| OfDay {
            used,
            limit,
            left: u64::from(limit).saturating_sub(used),
        };
        Self {
            day,
            rate_limit: limits.rate_limit,
            email: of_day(n_emails, limits.email_daily_limit),
            sms: of_day(n_sms, limits.sms_daily_limit),
            email_bounces: bounces.report(thresholds),
        }
    }
}
