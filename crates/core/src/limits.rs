//! What a service may do: requests in a minute, messages in a day, and how much may bounce.
//!
//! The budgets are PostgreSQL's, shared by all processes of the API. Each process leases blocks of
//! them before it needs them ([`rate::RateLease`], [`daily::DailyLease`]), so that a request costs no
//! statement. Both leases rule in the same words: [`Step`] for whoever asks, [`Answered`] for those
//! who waited.

pub mod bounces;
pub mod bucket;
pub mod daily;
pub mod rate;
pub mod usage;
mod waiting;

use std::time::Duration;

use serde::Serialize;

use crate::channel::Channel;
use crate::service::Service;

/// What holds for services that have no limits of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsualLimits {
    /// Requests in a minute for each type of key.
    pub rate: u32,
    /// E-mails in a day.
    pub email_daily: u32,
    /// Text messages in a day.
    pub sms_daily: u32,
    /// Messages of each channel in a day of a service on trial.
    pub trial_daily: u32,
}

/// What holds for one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Requests in a minute for each type of key.
    pub rate_limit: u32,
    /// E-mails in a day of UTC.
    pub email_daily_limit: u32,
    /// Text messages in a day of UTC.
    pub sms_daily_limit: u32,
}

impl UsualLimits {
    /// The limits of a service: its own, and these where it has none.
    #[must_use]
    pub fn of(&self, service: &Service) -> Limits {
        // A check of the table keeps its own from being negative.
        let own = |limit: Option<i32>| limit.map(|limit| u32::try_from(limit).unwrap_or(0));
        let daily = |usual| {
            if service.restricted {
                self.trial_daily
            } else {
                usual
            }
        };
        Limits {
            rate_limit: own(service.rate_limit).unwrap_or(self.rate),
            email_daily_limit: own(service.email_daily_limit)
                .unwrap_or_else(|| daily(self.email_daily)),
            sms_daily_limit: own(service.sms_daily_limit).unwrap_or_else(|| daily(self.sms_daily)),
        }
    }
}

impl Limits {
    /// Messages of a channel in a day.
    #[must_use]
    pub const fn daily(&self, channel: Channel) -> u32 {
        match channel {
            Channel::Email => self.email_daily_limit,
            Channel::Sms => self.sms_daily_limit,
        }
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// It goes on.
    Go,
    /// It waits for the answer to what was asked.
    Wait,
    /// The limit is reached; it may be worth while to come again after this time.
    Refuse {
        /// The time.
        after: Duration,
    },
}

/// A ruling, and whether PostgreSQL is to be asked for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// What becomes of the request.
    pub ruling: Ruling,
    /// For how much to ask. Nothing else is asked until the answer is there.
    pub ask: Option<u32>,
}

/// What becomes of those who waited for an answer, in the order in which they came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answered {
    /// So many go on …
    pub n_served: u32,
    /// … and the others are refused for this time; if there is none, they go on waiting.
    pub refuse_after: Option<Duration>,
    /// For how much to ask next.
    pub ask: Option<u32>,
}

/// After an answer that did not come, the next try follows after this time.
pub const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The size of the next block, when the last one lasted for so long: a block is to last a few seconds,
/// so that a busy process asks once a second and a quiet one holds little.
#[must_use]
fn next_block(block: u32, lasted: Duration, largest: u32) -> u32 {
    let next = if lasted < Duration::from_secs(1) {
        block.saturating_mul(2)
    } else if lasted > Duration::from_secs(4) {
        block / 2
    } else {
        block
    };
    next.clamp(1, largest.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::{NewService, Service};

    #[test]
    fn a_service_has_its_own_limits_and_the_usual_ones_where_it_has_none() {
        let usual = UsualLimits {
            rate: 3_000,
            email_daily: 250_000,
            sms_daily: 100_000,
            trial_daily: 50,
        };
        let new: NewService = serde_json::from_value(serde_json::json!({ "name": "Ely" })).unwrap();
        let service = new
            .into_service(crate::id::ServiceId(uuid::Uuid::nil()))
            .unwrap();
        let limits = |of: &Service| {
            let limits = usual.of(of);
            (
                limits.rate_limit,
                limits.daily(Channel::Email),
                limits.daily(Channel::Sms),
            )
        };
        assert_eq!(limits(&service), (3_000, 250_000, 100_000));
        let trial = Service {
            restricted: true,
            rate_limit: Some(7),
            sms_daily_limit: Some(0),
            ..service
        };
        assert_eq!(limits(&trial), (7, 50, 0));
    }
}
