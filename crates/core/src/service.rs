//! Services: what decisions need to know of a tenant.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::api_key::KeyType;
use crate::channel::Channel;
use crate::id::{SenderId, ServiceId};

/// A service as accept and delivery see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its id.
    pub id: ServiceId,
    /// Its name; also the sender's display name in e-mail.
    pub name: String,
    /// Whether it may send at all.
    pub active: bool,
    /// On trial: a live key behaves like a team key.
    pub restricted: bool,
    /// Its accept inbox is apart (`save-api-*`), so that it delays nobody.
    pub high_volume: bool,
    /// The region in which national phone numbers are read, such as `GB`.
    pub region: String,
    /// The local part of its e-mail sender address.
    pub email_from: String,
    /// The channels it may use.
    pub channels: Vec<Channel>,
    /// Its e-mail carries our own unsubscribe link where a request names none.
    #[serde(default)]
    pub one_click_unsubscribe: bool,
    /// How long its e-mail jobs are kept, in days.
    #[serde(default = "usual_retention")]
    pub email_retention_days: i32,
    /// How long its jobs of text messages are kept, in days.
    #[serde(default = "usual_retention")]
    pub sms_retention_days: i32,
    /// How many requests it may make in a minute with each type of key; as the settings say if none.
    #[serde(default)]
    pub rate_limit: Option<i32>,
    /// How many e-mails it may send in a day of UTC; as the settings say if none.
    #[serde(default)]
    pub email_daily_limit: Option<i32>,
    /// How many text messages it may send in a day of UTC; as the settings say if none.
    #[serde(default)]
    pub sms_daily_limit: Option<i32>,
    /// Since when too much of its e-mail bounces for any to be sent.
    #[serde(default)]
    pub email_braked_at: Option<DateTime<Utc>>,
}

/// For how many days a service may have its jobs kept (GOV.UK Notify's range).
pub const RETENTION_DAYS: std::ops::RangeInclusive<i32> = 3..=90;

/// What is kept unless a service says otherwise.
pub const USUAL_RETENTION_DAYS: i32 = 7;

const fn usual_retention() -> i32 {
    USUAL_RETENTION_DAYS
}

/// A reply-to address or SMS sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// Its id, as named in requests.
    pub id: SenderId,
    /// The channel.
    pub channel: Channel,
    /// The address or sender name.
    pub value: String,
    /// Used when a request names none.
    pub is_default: bool,
}

/// A field of a request that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadField {
    /// The field.
    pub field: &'static str,
    /// What is wrong and what is allowed.
    pub message: String,
}

/// What a new service is made of.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewService {
    /// Its name, at most 255 characters.
    pub name: String,
    /// The local part of its e-mail sender; made from the name when left out.
    #[serde(default)]
    pub email_from: Option<String>,
    /// The sender shown on its text messages; made from the name when left out.
    #[serde(default)]
    pub sms_sender: Option<String>,
    /// The region in which national phone numbers are read; `GB` when left out.
    #[serde(default)]
    pub region: Option<String>,
    /// Whether it starts on trial.
    #[serde(default)]
    pub restricted: bool,
    /// Whether its inbox is apart from the others'.
    #[serde(default)]
    pub high_volume: bool,
}

impl NewService {
    /// The SMS sender: as given, or up to eleven letters and digits of the name.
    #[must_use]
    pub fn sms_sender(&self) -> String {
        self.sms_sender.clone().unwrap_or_else(|| {
            let letters: String = self
                .name
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .take(11)
                .collect();
            if letters.is_empty() {
                "NOTIFY".to_owned()
            } else {
                letters
            }
        })
    }

    /// The service, if every field is as it must be.
    ///
    /// # Errors
    /// Names the first field that is not.
    pub fn into_service(self, id: ServiceId) -> Result<Service, BadField> {
        let bad = |field, message: &str| {
            Err(BadField {
                field,
                message: message.to_owned(),
            })
        };
        if self.name.trim().is_empty() || self.name.chars().count() > 255 {
            return bad("name", "must have 1 to 255 characters");
        }
        let region = self.region.clone().unwrap_or_else(|| "GB".to_owned());
        if region.len() != 2 || !region.bytes().all(|b| b.is_ascii_uppercase()) {
            return bad("region", "must be a two-letter country code such as GB");
        }
        let email_from = self
            .email_from
            .clone()
            .unwrap_or_else(|| local_part(&self.name));
        if crate::recipient::EmailAddress::parse(&format!("{email_from}@example.org")).is_err() {
            return bad(
                "email_from",
                "must be the part of an e-mail address before the @",
            );
        }
        if let Err(message) = check_sender(Channel::Sms, &self.sms_sender()) {
            return Err(BadField {
                field: "sms_sender",
                message,
            });
        }
        Ok(Service {
            id,
            name: self.name,
            active: true,
            restricted: self.restricted,
            high_volume: self.high_volume,
            region,
            email_from,
            channels: Channel::ALL.to_vec(),
            one_click_unsubscribe: false,
            email_retention_days: USUAL_RETENTION_DAYS,
            sms_retention_days: USUAL_RETENTION_DAYS,
            rate_limit: None,
            email_daily_limit: None,
            sms_daily_limit: None,
            email_braked_at: None,
        })
    }
}

/// A local part from a name: lower-case letters and digits, dots between words.
fn local_part(name: &str) -> String {
    let words: Vec<String> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    if words.is_empty() {
        "notify".to_owned()
    } else {
        words.join(".")
    }
}

/// Checks a reply-to address or SMS sender.
///
/// # Errors
/// Says what is allowed.
pub fn check_sender(channel: Channel, value: &str) -> Result<(), String> {
    let is_good = match channel {
        Channel::Email => crate::recipient::EmailAddress::parse(value).is_ok(),
        Channel::Sms => {
            let digits = value.strip_prefix('+').unwrap_or(value);
            let is_number =
                (3..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            let is_name = (3..=11).contains(&value.len())
                && value
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b" &.-_".contains(&b));
            is_number || is_name
        }
    };
    match (is_good, channel) {
        (true, _) => Ok(()),
        (false, Channel::Email) => Err("must be an e-mail address".to_owned()),
        (false, Channel::Sms) => Err(
            "must be 3 to 11 letters, digits, spaces, &, ., - or _, or a number of 3 to 15 digits"
                .to_owned(),
        ),
    }
}

/// Why a recipient is not allowed; GOV.UK's texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// A team key, and the recipient is not on the safelist.
    #[error("Can’t send to this recipient using a team-only API key")]
    TeamKey,
    /// A service on trial, and the recipient is not on the safelist.
    #[error(
        "Can’t send to this recipient when service is in trial mode – see https://www.notifications.service.gov.uk/trial-mode"
    )]
    Trial,
}

impl Service {
    /// Whether its messages of a channel are kept back because too many have bounced. What a test key
    /// sends reaches nobody, so it goes on.
    #[must_use]
    pub fn is_braked(&self, channel: Channel, key_type: KeyType) -> bool {
        channel == Channel::Email && key_type != KeyType::Test && self.email_braked_at.is_some()
    }
}

/// Decides whether a key may send to a recipient; `on_safelist` is asked only when it matters.
///
/// # Errors
/// Says which restriction refuses it.
pub fn allow_recipient(
    service: &Service,
    key_type: KeyType,
    on_safelist: impl FnOnce() -> bool,
) -> Result<(), NotAllowed> {
    let refusal = match key_type {
        KeyType::Team => NotAllowed::TeamKey,
        KeyType::Normal if service.restricted => NotAllowed::Trial,
        KeyType::Normal | KeyType::Test => return Ok(()),
    };
    if on_safelist() { Ok(()) } else { Err(refusal) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(restricted: bool) -> Service {
        Service {
            id: ServiceId(uuid::Uuid::nil()),
            name: "Demo".into(),
            active: true,
            restricted,
            high_volume: false,
            region: "GB".into(),
            email_from: "demo".into(),
            channels: Channel::ALL.to_vec(),
            one_click_unsubscribe: false,
            email_retention_days: USUAL_RETENTION_DAYS,
            sms_retention_days: USUAL_RETENTION_DAYS,
            rate_limit: None,
            email_daily_limit: None,
            sms_daily_limit: None,
            email_braked_at: None,
        }
    }

    #[test]
    fn only_the_safelist_is_reached_by_team_keys_and_on_trial() {
        let live = service(false);
        let trial = service(true);
        assert_eq!(allow_recipient(&live, KeyType::Normal, || false), Ok(()));
        assert_eq!(allow_recipient(&live, KeyType::Team, || true), Ok(()));
        assert_eq!(
            allow_recipient(&live, KeyType::Team, || false),
            Err(NotAllowed::TeamKey)
        );
        assert_eq!(
            allow_recipient(&trial, KeyType::Normal, || false),
            Err(NotAllowed::Trial)
        );
        assert_eq!(allow_recipient(&trial, KeyType::Normal, || true), Ok(()));
        assert_eq!(allow_recipient(&trial, KeyType::Test, || false), Ok(()));
    }

    #[test]
    fn a_brake_holds_e_mail_that_would_reach_somebody() {
        let mut service = service(false);
        assert!(!service.is_braked(Channel::Email, KeyType::Normal));
        service.email_braked_at = Some(crate::clock::now());
        assert!(service.is_braked(Channel::Email, KeyType::Normal));
        assert!(service.is_braked(Channel::Email, KeyType::Team));
        assert!(!service.is_braked(Channel::Email, KeyType::Test));
        assert!(!service.is_braked(Channel::Sms, KeyType::Normal));
    }

    fn new(name: &str) -> NewService {
        NewService {
            name: name.into(),
            email_from: None,
            sms_sender: None,
            region: None,
            restricted: false,
            high_volume: false,
        }
    }

    #[test]
    fn a_new_service_gets_sensible_defaults() {
        let new = new("City of Ely: Parking!");
        assert_eq!(new.sms_sender(), "CityofElyPa");
        let service = new.into_service(ServiceId(uuid::Uuid::nil())).unwrap();
        assert_eq!(
            (service.email_from.as_str(), service.region.as_str()),
            ("city.of.ely.parking", "GB")
        );
    }

    #[test]
    fn a_wrong_field_is_named() {
        let id = ServiceId(uuid::Uuid::nil());
        let field = |new: NewService| new.into_service(id).unwrap_err().field;
        assert_eq!(field(new(" ")), "name");
        assert_eq!(
            field(NewService {
                region: Some("gb".into()),
                ..new("A")
            }),
            "region"
        );
        assert_eq!(
            field(NewService {
                email_from: Some("a b".into()),
                ..new("A")
            }),
            "email_from"
        );
        assert_eq!(
            field(NewService {
                sms_sender: Some("x\r\n".into()),
                ..new("A")
            }),
            "sms_sender"
        );
    }
}
