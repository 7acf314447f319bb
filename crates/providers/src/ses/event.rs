//! Receipts from what SES publishes about a message: the events of a configuration set, and the
//! notifications of an identity, which differ in one name and carry no tags.

mod bounce;
mod status_code;
#[cfg(test)]
mod tests;

use carillon_core::id::NotificationId;
use carillon_core::receipt::{Receipt, ReceiptKind};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use std::collections::HashMap;

use super::ID_TAG;
use crate::sns_message::is_plain;
use bounce::Bounce;
use status_code::status_code;

/// The provider's name in receipts, whatever the providers of kind `ses` are called here: an event
/// does not say through which of them the message went.
pub const PROVIDER: &str = "ses";

/// How the message begins that SES publishes to a topic once, to see whether it may.
const GREETING: &str = "Successfully validated SNS topic";

/// Why there is no receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an event of SES")]
pub struct Unreadable;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(alias = "notificationType")]
    event_type: String,
    mail: Mail,
    delivery: Option<Delivery>,
    bounce: Option<Bounce>,
    complaint: Option<Complaint>,
    delivery_delay: Option<Delay>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mail {
    message_id: String,
    timestamp: DateTime<Utc>,
    #[serde(default)]
    tags: HashMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivery {
    timestamp: DateTime<Utc>,
    smtp_response: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Complaint {
    timestamp: DateTime<Utc>,
    feedback_id: Option<String>,
    complaint_sub_type: Option<String>,
    complaint_feedback_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delay {
    timestamp: DateTime<Utc>,
    delay_type: Option<String>,
    #[serde(default)]
    delayed_recipients: Vec<Recipient>,
}

/// Only what holds no address.
#[derive(Deserialize)]
struct Recipient {
    status: Option<String>,
}

/// What one receipt says beyond its message.
struct Said {
    kind: ReceiptKind,
    /// Tells events of one message apart and is the same whenever SES repeats one.
    event: String,
    at: DateTime<Utc>,
    detail: Option<String>,
    subtype: Option<String>,
}

/// The receipts of one event: none for a send, an open, a click, a subscription or SES's greeting,
/// which change nothing; two for a complaint because of which SES no longer sends to the address.
///
/// # Errors
/// When the text is no event, or one without the part that its type promises.
pub fn receipts(text: &str) -> Result<Vec<Receipt>, Unreadable> {
    if text.starts_with(GREETING) {
        return Ok(Vec::new());
    }
    let event: Event = serde_json::from_str(text).map_err(|_| Unreadable)?;
    if !is_plain(&event.mail.message_id) {
        return Err(Unreadable);
    }
    let said = said(&event)?;
    said.into_iter()
        .map(|said| receipt(&event.mail, said))
        .collect()
}

fn said(event: &Event) -> Result<Vec<Said>, Unreadable> {
    let one = |said: Option<Said>| said.map(|said| vec![said]).ok_or(Unreadable);
    match event.event_type.as_str() {
        "Delivery" => one(event.delivery.as_ref().map(delivered)),
        "Bounce" => one(event.bounce.as_ref().map(Bounce::said)),
        "DeliveryDelay" => one(event.delivery_delay.as_ref().map(delayed)),
        "Complaint" => event.complaint.as_ref().map(complained).ok_or(Unreadable),
        "Reject" => Ok(vec![never_sent(&event.mail, "rejected")]),
        // It will never arrive: for the recipient that is a permanent failure.
        "Rendering Failure" | "RenderingFailure" => {
            Ok(vec![never_sent(&event.mail, "rendering-failure")])
        }
        "Send" | "Open" | "Click" | "Subscription" => Ok(Vec::new()),
        _ => Err(Unreadable),
    }
}

fn receipt(mail: &Mail, said: Said) -> Result<Receipt, Unreadable> {
    if !is_plain(&said.event) {
        return Err(Unreadable);
    }
    Ok(Receipt {
        notification_id: notification_id(mail),
        event_id: format!("{}/{}", mail.message_id, said.event),
        provider: PROVIDER.to_owned(),
        reference: mail.message_id.clone(),
        kind: said.kind,
        at: said.at,
        detail: said.detail,
        subtype: said.subtype,
    })
}

/// Our id, if the message was sent with it. An identity's notifications carry no tags: what they are
/// about is found by SES's id, which is kept where no configuration set is.
fn notification_id(mail: &Mail) -> Option<NotificationId> {
    let id = mail.tags.get(ID_TAG)?.first()?;
    id.parse().ok()
}

fn delivered(delivery: &Delivery) -> Said {
    Said {
        kind: ReceiptKind::Delivered,
        event: at("delivery", delivery.timestamp),
        at: delivery.timestamp,
        detail: delivery.smtp_response.as_deref().and_then(status_code),
        subtype: None,
    }
}

fn delayed(delay: &Delay) -> Said {
    let subtype = match delay.delay_type.as_deref() {
        Some("InternalFailure") => "internal-failure",
        Some("General") => "general",
        Some("MailboxFull") => "mailbox-full",
        Some("SpamDetected") => "spam-detected",
        Some("RecipientServerError") => "recipient-server-error",
        Some("IPFailure") => "ip-failure",
        Some("TransientCommunicationFailure") => "transient-communication-failure",
        _ => "unknown",
    };
    Said {
        kind: ReceiptKind::Delayed,
        event: at("delivery-delay", delay.timestamp),
        at: delay.timestamp,
        detail: status_of(&delay.delayed_recipients),
        subtype: Some(subtype.to_owned()),
    }
}

fn complained(complaint: &Complaint) -> Vec<Said> {
    let suppressed = complaint.complaint_sub_type.as_deref() == Some("OnAccountSuppressionList");
    let feedback = complaint.complaint_feedback_type.as_deref();
    let subtype = match feedback {
        Some("abuse" | "auth-failure" | "fraud" | "not-spam" | "other" | "virus") => feedback,
        _ if suppressed => Some("on-account-suppression-list"),
        _ => None,
    };
    let event = of_feedback(
        "complaint",
        complaint.feedback_id.as_deref(),
        complaint.timestamp,
    );
    let failure = suppressed.then(|| Said {
        kind: ReceiptKind::PermanentFailure,
        event: format!("{event}/failure"),
        at: complaint.timestamp,
        detail: None,
        subtype: Some("on-account-suppression-list".to_owned()),
    });
    let complaint = Said {
        kind: ReceiptKind::Complaint,
        at: complaint.timestamp,
        detail: None,
        subtype: subtype.map(str::to_owned),
        event,
    };
    std::iter::once(complaint).chain(failure).collect()
}

/// SES took the message and then did not send it; the event has no time of its own.
fn never_sent(mail: &Mail, subtype: &str) -> Said {
    Said {
        kind: ReceiptKind::PermanentFailure,
        event: subtype.to_owned(),
        at: mail.timestamp,
        detail: None,
        subtype: Some(subtype.to_owned()),
    }
}

fn status_of(recipients: &[Recipient]) -> Option<String> {
    status_code(recipients.first()?.status.as_deref()?)
}

fn at(event: &str, at: DateTime<Utc>) -> String {
    format!("{event}/{}", at.timestamp_millis())
}

/// SES's own id of the report, or else its time.
fn of_feedback(event: &str, feedback_id: Option<&str>, time: DateTime<Utc>) -> String {
    match feedback_id {
        Some(id) => format!("{event}/{id}"),
        None => at(event, time),
    }
}
