//! Bounces: which are for good.

use carillon_core::receipt::ReceiptKind;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{Recipient, Said, of_feedback, status_of};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bounce {
    bounce_type: String,
    bounce_sub_type: Option<String>,
    timestamp: DateTime<Utc>,
    feedback_id: Option<String>,
    #[serde(default)]
    bounced_recipients: Vec<Recipient>,
}

impl Bounce {
    pub fn said(&self) -> Said {
        let kind = match self.bounce_type.as_str() {
            "Permanent" => ReceiptKind::PermanentFailure,
            // Transient, or undetermined: the address may be good.
            _ => ReceiptKind::TemporaryFailure,
        };
        Said {
            kind,
            event: of_feedback("bounce", self.feedback_id.as_deref(), self.timestamp),
            at: self.timestamp,
            detail: status_of(&self.bounced_recipients),
            subtype: Some(self.subtype().to_owned()),
        }
    }

    fn subtype(&self) -> &'static str {
        match self.bounce_sub_type.as_deref() {
            Some("General" | "Undetermined") => "general",
            Some("NoEmail") => "no-email",
            Some("Suppressed") => "suppressed",
            Some("OnAccountSuppressionList") => "on-account-suppression-list",
            Some("UnsubscribedRecipient") => "unsubscribed-recipient",
            Some("MailboxFull") => "mailbox-full",
            Some("MessageTooLarge") => "message-too-large",
            Some("ContentRejected") => "content-rejected",
            Some("AttachmentRejected") => "attachment-rejected",
            Some("CustomTimeoutExceeded") => "custom-timeout-exceeded",
            _ => "unknown",
        }
    }
}
