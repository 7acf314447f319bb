//! What services may do that have no limits of their own, and how much of their e-mail may bounce.

use serde::{Deserialize, Serialize};

/// `[limits]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Requests in a minute for each type of key.
    pub rate_limit: u32,
    /// E-mails of a service in a day of UTC.
    pub email_daily_limit: u32,
    /// Text messages of a service in a day of UTC.
    pub sms_daily_limit: u32,
    /// Messages of each channel in a day of UTC of a service on trial.
    pub trial_daily_limit: u32,
    /// Hard bounces in a hundred e-mails of 24 hours from which a service is warned.
    pub bounce_warn_percent: u32,
    /// Hard bounces in a hundred e-mails of 24 hours from which its e-mail is stopped.
    pub bounce_stop_percent: u32,
    /// How many e-mails it must have sent for either.
    pub bounce_least_emails: u32,
}
