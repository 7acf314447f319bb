//! Save accepted notifications: the only payload that carries content, and until it is saved the
//! only copy.
//!
//! The body on the wire is a JSON array: accepts of concurrent requests share one message, so that
//! the broker's work is per batch. Each element is parsed by itself, so that one malformed element
//! harms no other.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Task;
use crate::api_key::KeyType;
use crate::channel::Channel;
use crate::id::{ApiKeyId, NotificationId, ServiceId, TemplateId};
use crate::lane::Lane;
use crate::queue::Queue;
use crate::trace::TraceContext;

/// One accepted notification, whole.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct SaveNotification {
    /// Minted at accept.
    pub id: NotificationId,
    /// The tenant.
    pub service_id: ServiceId,
    /// The key that was used; none when an administrator sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_id: Option<ApiKeyId>,
    /// The key's type.
    pub key_type: KeyType,
    /// The channel.
    pub channel: Channel,
    /// The template's lane at accept.
    pub lane: Lane,
    /// The template.
    pub template_id: TemplateId,
    /// Its version at accept.
    pub template_version: i32,
    /// The recipient as given; returned to the service as it was.
    pub recipient: String,
    /// The recipient in its normal form: what is sent to.
    pub normalised_recipient: String,
    /// The values.
    pub personalisation: Map<String, Value>,
    /// The service's own reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The reply-to address (e-mail) or sender (SMS).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// RFC 8058 one-click unsubscribe URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsubscribe_url: Option<String>,
    /// When it is to be sent, if later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_for: Option<DateTime<Utc>>,
    /// When it was accepted, by the API's clock.
    pub created_at: DateTime<Utc>,
    /// The request's place in its trace; none in what was accepted before traces were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
}

impl SaveNotification {
    /// The queue it is delivered from once it is saved.
    #[must_use]
    pub const fn delivery_queue(&self) -> Queue {
        Queue::delivery(self.channel, self.lane, self.key_type)
    }
}

/// Says which notification it is, never to whom or what.
impl std::fmt::Debug for SaveNotification {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SaveNotification")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Task for SaveNotification {
    const NAME: &'static str = "save-notifications";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_is_read() {
        let golden = r#"{"id":"019a0000-0000-7000-8000-000000000001","service_id":"019a0000-0000-7000-8000-000000000002","api_key_id":"019a0000-0000-7000-8000-000000000003","key_type":"normal","channel":"email","lane":"normal","template_id":"019a0000-0000-7000-8000-000000000004","template_version":1,"recipient":"a@example.org","normalised_recipient":"a@example.org","personalisation":{"name":"Ada"},"created_at":"2026-01-02T03:04:05Z"}"#;
        let task: SaveNotification = serde_json::from_str(golden).unwrap();
        assert_eq!(serde_json::to_string(&task).unwrap(), golden);
        assert_eq!(task.delivery_queue(), Queue::SendEmail);
        assert!(!format!("{task:?}").contains("example.org"));
    }

    #[test]
    fn the_trace_travels_as_a_traceparent() {
        let golden = r#"{"id":"019a0000-0000-7000-8000-000000000001","service_id":"019a0000-0000-7000-8000-000000000002","key_type":"test","channel":"email","lane":"normal","template_id":"019a0000-0000-7000-8000-000000000004","template_version":1,"recipient":"a@example.org","normalised_recipient":"a@example.org","personalisation":{},"created_at":"2026-01-02T03:04:05Z","trace":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}"#;
        let task: SaveNotification = serde_json::from_str(golden).unwrap();
        assert_eq!(serde_json::to_string(&task).unwrap(), golden);
    }

    #[test]
    fn a_message_of_an_administrator_has_no_key() {
        let written = r#"{"id":"019a0000-0000-7000-8000-000000000001","service_id":"019a0000-0000-7000-8000-000000000002","key_type":"normal","channel":"sms","lane":"priority","template_id":"019a0000-0000-7000-8000-000000000004","template_version":1,"recipient":"07700900123","normalised_recipient":"+447700900123","personalisation":{},"created_at":"2026-01-02T03:04:05Z"}"#;
        let task: SaveNotification = serde_json::from_str(written).unwrap();
        assert_eq!(task.api_key_id, None);
        assert_eq!(serde_json::to_string(&task).unwrap(), written);
    }
}
