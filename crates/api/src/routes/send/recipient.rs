//! Who may be sent to, and from whom.

use carillon_core::channel::Channel;
use carillon_core::id::SenderId;
use carillon_core::recipient::{EmailAddress, PhoneNumber};
use carillon_core::service::allow_recipient;

use crate::auth::{Access, Principal};
use crate::error::NotifyError;

/// The recipient in its normal form, if this key may send to it.
pub(super) fn check(
    principal: &Principal,
    channel: Channel,
    recipient: &str,
) -> Result<String, NotifyError> {
    let service = &principal.access.service;
    let normalised = match channel {
        Channel::Email => EmailAddress::parse(recipient)
            .map(|address| address.as_str().to_owned())
            .map_err(|error| NotifyError::validation(vec![format!("email_address {error}")]))?,
        Channel::Sms => PhoneNumber::parse(recipient, &service.region)
            .map(|number| number.as_e164().to_owned())
            .map_err(|error| {
                if error.is_format() {
                    NotifyError::validation(vec![format!("phone_number {error}")])
                } else {
                    NotifyError::invalid_phone(error.to_string())
                }
            })?,
    };
    let on_safelist = || {
        let key = comparable(channel, &normalised);
        principal.access.safelist.contains(&(channel, key))
    };
    allow_recipient(service, principal.key_type, on_safelist)
        .map_err(|error| NotifyError::bad_request(error.to_string()))?;
    Ok(normalised)
}

/// The form in which recipients are compared: e-mail addresses whatever their case.
pub(crate) fn comparable(channel: Channel, normalised: &str) -> String {
    match channel {
        Channel::Email => normalised.to_lowercase(),
        Channel::Sms => normalised.to_owned(),
    }
}

/// The reply-to address or SMS sender: the one named, or the service's default.
pub(super) fn sender(
    access: &Access,
    channel: Channel,
    named: Option<SenderId>,
) -> Result<Option<String>, NotifyError> {
    let mut senders = access
        .senders
        .iter()
        .filter(|sender| sender.channel == channel);
    match named {
        None => Ok(senders
            .find(|sender| sender.is_default)
            .map(|sender| sender.value.clone())),
        Some(id) => match senders.find(|sender| sender.id == id) {
            Some(sender) => Ok(Some(sender.value.clone())),
            None => {
                let field = match channel {
                    Channel::Email => "email_reply_to_id",
                    Channel::Sms => "sms_sender_id",
                };
                let service_id = access.service.id;
                Err(NotifyError::bad_request(format!(
                    "{field} {id} does not exist in database for service id {service_id}"
                )))
            }
        },
    }
}
