//! Floors: the least that the same work costs on the same servers, measured in the same run.
//!
//! Each runs as a process of its own, so that its CPU time is told from the generator's.

pub(crate) mod accept;
pub(crate) mod pipeline;

use carillon_core::api_key::KeyType;
use carillon_core::channel::Channel;
use carillon_core::id::{ApiKeyId, NotificationId, ServiceId, TemplateId, mint};
use carillon_core::lane::Lane;
use carillon_core::task::SaveNotification;
use carillon_core::trace::TraceContext;

use crate::load::values;

/// A notification as the API would publish it.
pub(crate) fn notification() -> SaveNotification {
    let recipient = "load.000000000@example.com".to_owned();
    SaveNotification {
        id: NotificationId::mint(),
        service_id: ServiceId(mint()),
        api_key_id: Some(ApiKeyId(mint())),
        key_type: KeyType::Normal,
        channel: Channel::Email,
        lane: Lane::Normal,
        template_id: TemplateId(mint()),
        template_version: 1,
        normalised_recipient: recipient.clone(),
        recipient,
        personalisation: values(1),
        reference: None,
        sender: None,
        unsubscribe_url: None,
        scheduled_for: None,
        created_at: carillon_core::clock::now(),
        trace: Some(TraceContext {
            trace_id: mint().as_u128(),
            span_id: u64::MAX,
            is_sampled: false,
        }),
    }
}

/// The bytes of a message with one notification.
pub(crate) fn payload() -> anyhow::Result<Vec<u8>> {
    Ok(serde_json::to_vec(&[notification()])?)
}
