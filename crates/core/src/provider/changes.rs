//! Changes of a provider that is there, checked as a new one is.
//!
//! Sealed credentials stay sealed: a provider can be switched off, changed and given others although
//! nobody can open those that it has.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::check::PASSWORD_IN_THE_CLEAR;
use super::{
    Credentials, NewProvider, ProviderKind, ProviderSettings, ProviderSpec, SmtpSettings, SmtpTls,
};
use crate::channel::Channel;
use crate::service::BadField;

/// What is to become of a provider; what is left out stays as it is.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// Whether it takes messages.
    #[serde(default)]
    pub active: Option<bool>,
    /// Its share among the channel's providers, 0 to 100.
    #[serde(default)]
    pub weight: Option<i32>,
    /// The most calls per second of all processes together; `null` is no limit.
    #[serde(default, deserialize_with = "present")]
    pub rate_per_second: Option<Option<i32>>,
    /// Settings to change; `null` takes one back to its default.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// Other credentials; `null` takes them away.
    #[serde(default, deserialize_with = "present")]
    pub credentials: Option<Option<Value>>,
    /// Why, for the provider's history.
    #[serde(default)]
    pub reason: Option<String>,
    /// Change it although nobody would deliver its channel any more.
    #[serde(default)]
    pub force: bool,
}

/// Tells `null` from a field that is left out.
fn present<'de, D, T>(from: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(from).map(Some)
}

/// A provider as it is before a change, its credentials not opened.
#[derive(Debug, Clone, Copy)]
pub struct Current<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is.
    pub kind: ProviderKind,
    /// The channel it delivers.
    pub channel: Channel,
    /// Whether it takes messages.
    pub active: bool,
    /// Its share among the channel's providers.
    pub weight: i32,
    /// Where an operator put its share.
    pub resting_weight: i32,
    /// The most calls per second of all processes together.
    pub rate_per_second: Option<i32>,
    /// Settings of its kind, as they are stored.
    pub settings: &'a Value,
    /// Whether it has credentials of its own.
    pub has_credentials: bool,
}

/// What a provider will be, checked. Its name, kind and channel stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Whether it takes messages.
    pub active: bool,
    /// Its share among the channel's providers.
    pub weight: i32,
    /// Where its share rests: a share that is given is both.
    pub resting_weight: i32,
    /// The most calls per second of all processes together.
    pub rate_per_second: Option<i32>,
    /// Settings.
    pub settings: ProviderSettings,
    /// What becomes of its credentials.
    pub credentials: CredentialsChange,
}

/// What becomes of a provider's credentials. `{:?}` shows none of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialsChange {
    /// They stay as they are, sealed.
    Keep,
    /// They are taken away.
    Remove,
    /// Others take their place.
    Set(Credentials),
}

impl Changes {
    /// The provider as it will be.
    ///
    /// # Errors
    /// Every field that would not be as it must be, by its path. Among them the credentials of a
    /// mail server, which must be given again where another server would get them: whoever may
    /// change settings could have the password sent to a server of their own otherwise.
    pub fn apply(self, current: Current<'_>) -> Result<Changed, Vec<BadField>> {
        let keeps = self.credentials.is_none();
        let removes = matches!(self.credentials, Some(None));
        let resting_weight = self.weight.unwrap_or(current.resting_weight);
        let reason = self
            .reason
            .as_deref()
            .and_then(|text| check_reason(text).err());
        let settings = merged(current.settings, self.settings);
        let after = ProviderSettings::read(current.kind, &settings);
        let checked = NewProvider {
            name: current.name.to_owned(),
            kind: current.kind,
            channel: Some(current.channel),
            active: self.active.unwrap_or(current.active),
            weight: self.weight.unwrap_or(current.weight),
            rate_per_second: self.rate_per_second.unwrap_or(current.rate_per_second),
            settings,
            credentials: self.credentials.flatten(),
        }
        .check();
        let unfit = match &after {
            Ok(after) if keeps && current.has_credentials => unfit(current, after),
            _ => None,
        };
        match (checked, unfit, reason) {
            (Ok(spec), None, None) => Ok(Changed {
                active: spec.active,
                weight: spec.weight,
                resting_weight,
                rate_per_second: spec.rate_per_second,
                settings: spec.settings,
                credentials: match spec.credentials {
                    Some(credentials) => CredentialsChange::Set(credentials),
                    None if removes => CredentialsChange::Remove,
                    None => CredentialsChange::Keep,
                },
            }),
            (checked, unfit, reason) => {
                let errors = checked.err().into_iter().flatten();
                Err(errors.chain(unfit).chain(reason).collect())
            }
        }
    }
}

impl Changed {
    /// Whether it is to work as it did not before: with other settings or credentials, or at all.
    /// Switching a provider off or changing its share never needs a provider that works.
    #[must_use]
    pub fn must_connect(&self, current: Current<'_>) -> bool {
        let before = ProviderSettings::read(current.kind, current.settings);
        before.as_ref() != Ok(&self.settings)
            || self.credentials != CredentialsChange::Keep
            || (self.active && !current.active)
    }

    /// The provider as far as it is known without opening anything: with its new credentials, but
    /// without those that it keeps.
    #[must_use]
    pub fn spec(&self, current: Current<'_>) -> ProviderSpec {
        ProviderSpec {
            name: current.name.to_owned(),
            channel: current.channel,
            active: self.active,
            weight: self.weight,
            rate_per_second: self.rate_per_second,
            settings: self.settings.clone(),
            credentials: match &self.credentials {
                CredentialsChange::Set(credentials) => Some(credentials.clone()),
                CredentialsChange::Keep | CredentialsChange::Remove => None,
            },
        }
    }
}

/// The most characters of a reason.
const REASON_LENGTH: usize = 500;

/// Whether a text may be the reason of a change.
///
/// # Errors
/// Says what a reason must be.
pub fn check_reason(text: &str) -> Result<(), BadField> {
    let is_fine = !text.trim().is_empty()
        && text.chars().count() <= REASON_LENGTH
        && !text.chars().any(char::is_control);
    if is_fine {
        return Ok(());
    }
    Err(BadField {
        field: "reason",
        message: format!("must be one line of 1 to {REASON_LENGTH} characters"),
    })
}

fn merged(settings: &Value, changes: Map<String, Value>) -> Value {
    let mut fields = settings.as_object().cloned().unwrap_or_default();
    for (name, value) in changes {
        match value {
            Value::Null => fields.remove(&name),
            value => fields.insert(name, value),
        };
    }
    Value::Object(fields)
}

/// Why credentials cannot stay with the settings that are to be.
fn unfit(current: Current<'_>, after: &ProviderSettings) -> Option<BadField> {
    let ProviderSettings::Smtp(after) = after else {
        return None;
    };
    if after.tls == SmtpTls::None {
        return Some(BadField {
            field: "settings.tls",
            message: PASSWORD_IN_THE_CLEAR.to_owned(),
        });
    }
    let before = ProviderSettings::read(current.kind, current.settings);
    let is_same = matches!(before, Ok(ProviderSettings::Smtp(before))
        if server(&before) == server(after));
    (!is_same).then(|| BadField {
        field: "credentials",
        message:
            "must be given again, or taken away, when host, port, tls or ca_pem changes: they \
                  were given for another server"
                .to_owned(),
    })
}

/// All that says who gets a password, and over what.
fn server(smtp: &SmtpSettings) -> (&str, u16, SmtpTls, Option<&str>) {
    (&smtp.host, smtp.port(), smtp.tls, smtp.ca_pem.as_deref())
}

#[cfg(test)]
mod tests;
