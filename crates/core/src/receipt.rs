//! Receipts: what a provider reports after it accepted a message.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::NotificationId;
use crate::reason::Reason;

text_enum! {
    /// What a receipt says.
    pub enum ReceiptKind {
        /// It arrived.
        Delivered = "delivered",
        /// It will never arrive.
        PermanentFailure = "permanent-failure",
        /// It did not arrive, and the provider gave up.
        TemporaryFailure = "temporary-failure",
        /// It takes longer; the provider goes on.
        Delayed = "delayed",
        /// It arrived and the recipient complained.
        Complaint = "complaint",
    }
}

impl ReceiptKind {
    /// The timeline's reason.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::Delivered => Reason::ReceiptDelivered,
            Self::PermanentFailure => Reason::ReceiptPermanent,
            Self::TemporaryFailure => Reason::ReceiptTemporary,
            Self::Delayed => Reason::ReceiptDelayed,
            Self::Complaint => Reason::ReceiptComplaint,
        }
    }
}

/// One report about one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Our id, where the provider was given it with the message and brings it back; otherwise the
    /// message is found by `provider` and `reference`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification_id: Option<NotificationId>,
    /// The provider's id of this report; a repeated report has the same.
    pub event_id: String,
    /// The provider's name.
    pub provider: String,
    /// The provider's id of the message.
    pub reference: String,
    /// What it says.
    pub kind: ReceiptKind,
    /// The provider's time of the event.
    pub at: DateTime<Utc>,
    /// The provider's words, without personal data.
    #[serde(default)]
    pub detail: Option<String>,
    /// The finer kind in plain words joined by hyphens, such as `mailbox-full` or `suppressed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtype: Option<String>,
}
