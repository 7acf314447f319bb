//! One call to the sandbox, as it is logged and shown.

use carillon_core::channel::Channel;
use carillon_core::id::NotificationId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::faults::Fault;

/// A call of `POST /send` and what it came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The caller's id of the message.
    pub id: NotificationId,
    /// The caller's count of attempts.
    pub attempt: u32,
    /// An e-mail address or a phone number.
    pub recipient: String,
    /// The channel.
    pub channel: Channel,
    /// What the caller was told, or was about to be.
    pub outcome: CallOutcome,
    /// The sandbox's id of the accepted message; none unless accepted.
    pub reference: Option<Uuid>,
    /// The subject line; e-mail only.
    pub subject: Option<String>,
    /// The text.
    pub body: String,
    /// Whether the caller wants no receipt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trial: bool,
    /// The fault that the call met by chance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// When the call was decided.
    pub at: DateTime<Utc>,
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallOutcome {
    /// The message was taken, even if the answer was cut off.
    Accepted,
    /// Refused for good.
    Rejected,
    /// Too many calls.
    Throttled,
    /// An error of the sandbox.
    Failed,
    /// Never answered.
    Hung,
}
