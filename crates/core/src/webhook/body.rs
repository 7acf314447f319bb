//! What a service is told: Notify's bodies, key by key, and two keys more.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::CallbackKind;
use crate::channel::Channel;
use crate::id::{CallbackEventId, NotificationId, TemplateId};
use crate::notification::Status;

/// A change that a service is told of, with what its body says of the message.
#[derive(Clone, Copy)]
pub struct Change<'a> {
    /// Which change.
    pub id: CallbackEventId,
    /// What kind.
    pub kind: CallbackKind,
    /// The message.
    pub notification_id: NotificationId,
    /// The service's own reference of it.
    pub reference: Option<&'a str>,
    /// The recipient as the service gave it.
    pub recipient: &'a str,
    /// The status after the change.
    pub status: Status,
    /// The channel.
    pub channel: Channel,
    /// The template.
    pub template_id: TemplateId,
    /// Its version.
    pub template_version: i32,
    /// When the message was accepted.
    pub created_at: DateTime<Utc>,
    /// When a provider took it; none if none did.
    pub sent_at: Option<DateTime<Utc>>,
    /// When the change happened.
    pub occurred_at: DateTime<Utc>,
    /// What the provider said, in plain words.
    pub feedback: Option<&'a str>,
}

/// Times as Notify writes them.
const TIME: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";

#[derive(Serialize)]
struct DeliveryStatus<'a> {
    id: NotificationId,
    reference: Option<&'a str>,
    to: &'a str,
    status: Status,
    created_at: String,
    completed_at: String,
    sent_at: Option<String>,
    notification_type: Channel,
    template_id: TemplateId,
    template_version: i32,
    status_description: &'static str,
    provider_response: Option<&'a str>,
}

#[derive(Serialize)]
struct Complaint<'a> {
    notification_id: NotificationId,
    complaint_id: CallbackEventId,
    reference: Option<&'a str>,
    to: &'a str,
    complaint_date: String,
}

impl Change<'_> {
    /// The body: JSON, the same at every attempt.
    ///
    /// # Panics
    /// Never: what is written consists of texts and numbers.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let time = |at: DateTime<Utc>| at.format(TIME).to_string();
        let written = match self.kind {
            CallbackKind::DeliveryStatus => serde_json::to_vec(&DeliveryStatus {
                id: self.notification_id,
                reference: self.reference,
                to: self.recipient,
                status: self.status,
                created_at: time(self.created_at),
                completed_at: time(self.occurred_at),
                sent_at: self.sent_at.map(time),
                notification_type: self.channel,
                template_id: self.template_id,
                template_version: self.template_version,
                status_description: description(self.status, self.channel),
                provider_response: self.feedback,
            }),
            CallbackKind::Complaint => serde_json::to_vec(&Complaint {
                notification_id: self.notification_id,
                complaint_id: self.id,
                reference: self.reference,
                to: self.recipient,
                complaint_date: time(self.occurred_at),
            }),
        };
        written.expect("texts and numbers can be written as JSON")
    }
}

/// A status in words.
const fn description(status: Status, channel: Channel) -> &'static str {
    match (status, channel) {
        (Status::Created, _) => "Waiting to be sent",
        (Status::Sending, _) => "On its way",
        (Status::Pending, _) => "Delayed; the provider goes on trying",
        (Status::Sent, _) => "Sent; the provider does not report delivery",
        (Status::Delivered, _) => "Delivered",
        (Status::TemporaryFailure, Channel::Email) => {
            "Not delivered; the address may be good and accept mail later"
        }
        (Status::TemporaryFailure, Channel::Sms) => {
            "Not delivered; the phone may be off or out of reach"
        }
        (Status::PermanentFailure, Channel::Email) => "No such address, or it refuses mail",
        (Status::PermanentFailure, Channel::Sms) => "No such number, or it refuses messages",
        (Status::TechnicalFailure, _) => "Not sent, for a reason on the sending side",
        (Status::Cancelled, _) => "Withdrawn before it was sent",
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn change(kind: CallbackKind) -> Change<'static> {
        let time = |text: &str| text.parse().unwrap();
        Change {
            id: CallbackEventId(Uuid::from_u128(9)),
            kind,
            notification_id: NotificationId(Uuid::from_u128(1)),
            reference: Some("order 7"),
            recipient: "Ada@Example.org",
            status: Status::PermanentFailure,
            channel: Channel::Email,
            template_id: TemplateId(Uuid::from_u128(3)),
            template_version: 2,
            created_at: time("2026-01-02T03:04:05Z"),
            sent_at: Some(time("2026-01-02T03:04:06.789Z")),
            occurred_at: time("2026-01-02T03:04:07.0000019Z"),
            feedback: Some("general"),
        }
    }

    fn text(change: &Change<'_>) -> String {
        String::from_utf8(change.body()).unwrap()
    }

    #[test]
    fn a_delivery_status_has_notify_s_ten_keys_and_two_more() {
        insta::assert_snapshot!(
            text(&change(CallbackKind::DeliveryStatus)),
            @r#"{"id":"00000000-0000-0000-0000-000000000001","reference":"order 7","to":"Ada@Example.org","status":"permanent-failure","created_at":"2026-01-02T03:04:05.000000Z","completed_at":"2026-01-02T03:04:07.000001Z","sent_at":"2026-01-02T03:04:06.789000Z","notification_type":"email","template_id":"00000000-0000-0000-0000-000000000003","template_version":2,"status_description":"No such address, or it refuses mail","provider_response":"general"}"#
        );
    }

    #[test]
    fn what_is_not_known_is_null() {
        let unsent = Change {
            reference: None,
            status: Status::TechnicalFailure,
            channel: Channel::Sms,
            sent_at: None,
            feedback: None,
            ..change(CallbackKind::DeliveryStatus)
        };
        insta::assert_snapshot!(
            text(&unsent),
            @r#"{"id":"00000000-0000-0000-0000-000000000001","reference":null,"to":"Ada@Example.org","status":"technical-failure","created_at":"2026-01-02T03:04:05.000000Z","completed_at":"2026-01-02T03:04:07.000001Z","sent_at":null,"notification_type":"sms","template_id":"00000000-0000-0000-0000-000000000003","template_version":2,"status_description":"Not sent, for a reason on the sending side","provider_response":null}"#
        );
    }

    #[test]
    fn a_complaint_has_notify_s_five_keys() {
        insta::assert_snapshot!(
            text(&change(CallbackKind::Complaint)),
            @r#"{"notification_id":"00000000-0000-0000-0000-000000000001","complaint_id":"00000000-0000-0000-0000-000000000009","reference":"order 7","to":"Ada@Example.org","complaint_date":"2026-01-02T03:04:07.000001Z"}"#
        );
    }
}
