//! Who may be sent to, and from whom.

use carillon_core::api_key::KeyType;
use carillon_core::channel::Channel;
use carillon_core::id::SenderId;
use carillon_core::recipient::{EmailAddress, EmailError, PhoneError, PhoneNumber};
use carillon_core::service::{NotAllowed, Sender, allow_recipient};

use crate::auth::Access;
use crate::error::NotifyError;

/// Why a recipient is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RecipientError {
    /// It is no e-mail address.
    #[error(transparent)]
    Email(#[from] EmailError),
    /// It is no phone number, or one that takes no texts.
    #[error(transparent)]
    Phone(#[from] PhoneError),
    /// It is not on the safelist, and has to be.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
}

impl From<RecipientError> for NotifyError {
    fn from(error: RecipientError) -> Self {
        match error {
            RecipientError::Email(error) => {
                Self::validation(vec![format!("email_address {error}")])
            }
            RecipientError::Phone(error) if error.is_format() => {
                Self::validation(vec![format!("phone_number {error}")])
            }
            RecipientError::Phone(error) => Self::invalid_phone(error.to_string()),
            RecipientError::NotAllowed(error) => Self::bad_request(error.to_string()),
        }
    }
}

/// The recipient in its normal form, if a key of this type may send to it.
pub(crate) fn check(
    access: &Access,
    key_type: KeyType,
    channel: Channel,
    recipient: &str,
) -> Result<String, RecipientError> {
    let service = &access.service;
    let normalised = match channel {
        Channel::Email => EmailAddress::parse(recipient)?.as_str().to_owned(),
        Channel::Sms => PhoneNumber::parse(recipient, &service.region)?
            .as_e164()
            .to_owned(),
    };
    let on_safelist = || {
        let key = comparable(channel, &normalised);
        access.safelist.contains(&(channel, key))
    };
    allow_recipient(service, key_type, on_safelist)?;
    Ok(normalised)
}

/// The form in which recipients are compared: e-mail addresses whatever their case.
fn comparable(channel: Channel, normalised: &str) -> String {
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
    let Some(id) = named else {
        return Ok(default_sender(access, channel));
    };
    let sender = senders(access, channel).find(|sender| sender.id == id);
    if let Some(sender) = sender {
        return Ok(Some(sender.value.clone()));
    }
    let field = match channel {
        Channel::Email => "email_reply_to_id",
        Channel::Sms => "sms_sender_id",
    };
    let service_id = access.service.id;
    Err(NotifyError::bad_request(format!(
        "{field} {id} does not exist in database for service id {service_id}"
    )))
}

/// The reply-to address or SMS sender of who names none.
pub(crate) fn default_sender(access: &Access, channel: Channel) -> Option<String> {
    senders(access, channel)
        .find(|sender| sender.is_default)
        .map(|sender| sender.value.clone())
}

fn senders(access: &Access, channel: Channel) -> impl Iterator<Item = &Sender> {
    access
        .senders
        .iter()
        .filter(move |sender| sender.channel == channel)
}
