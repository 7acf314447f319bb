//! Provider settings: what an operator says of an account with SES, SNS or a mail server.
//!
//! Settings and credentials travel apart: settings may be shown, credentials are sealed in the
//! database and never shown again.

pub mod balance;
pub mod breaker;
pub mod changes;
mod check;
mod credentials;
pub mod share;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::channel::Channel;
use crate::service::BadField;

pub use credentials::{AwsKeys, Credentials, SmtpLogin};

text_enum! {
    /// What a provider is.
    pub enum ProviderKind {
        /// The stand-in for development and tests.
        Sandbox = "sandbox",
        /// Amazon Simple Email Service, version 2 of its API.
        Ses = "ses",
        /// Amazon Simple Notification Service, for text messages.
        Sns = "sns",
        /// Any mail server.
        Smtp = "smtp",
    }
}

impl ProviderKind {
    /// The channels it can deliver.
    #[must_use]
    pub const fn channels(self) -> &'static [Channel] {
        match self {
            Self::Sandbox => Channel::ALL,
            Self::Ses | Self::Smtp => &[Channel::Email],
            Self::Sns => &[Channel::Sms],
        }
    }

    /// Whether it takes credentials at all.
    #[must_use]
    pub const fn takes_credentials(self) -> bool {
        !matches!(self, Self::Sandbox)
    }
}

/// A provider's settings, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderSettings {
    /// The stand-in has none: its address is the process's `sandbox.url`.
    Sandbox,
    /// Amazon SES.
    Ses(SesSettings),
    /// Amazon SNS.
    Sns(SnsSettings),
    /// A mail server.
    Smtp(SmtpSettings),
}

/// Settings of Amazon SES.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SesSettings {
    /// The AWS region, such as `eu-west-1`; the environment's when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The configuration set whose event destinations report what became of a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration_set: Option<String>,
}

/// Settings of Amazon SNS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnsSettings {
    /// The AWS region; the environment's when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// How AWS weighs reliability against price.
    #[serde(default)]
    pub sms_type: SmsType,
    /// The most one text message may cost, in US dollars as AWS takes it, such as `0.50`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_price_usd: Option<String>,
}

text_enum! {
    /// SNS's `AWS.SNS.SMS.SMSType`, in our spelling.
    pub enum SmsType {
        /// Critical messages, such as codes: reliability first.
        Transactional = "transactional",
        /// Not critical: price first.
        Promotional = "promotional",
    }
}

#[expect(clippy::derivable_impls, reason = "`text_enum!` writes the enum")]
impl Default for SmsType {
    fn default() -> Self {
        Self::Transactional
    }
}

/// Settings of a mail server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpSettings {
    /// Its host name, which its certificate must bear, or an address.
    pub host: String,
    /// Its port; that of the kind of TLS when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub tls: SmtpTls,
    /// Certificate authorities to trust instead of the system's, as PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_pem: Option<String>,
    /// The most connections of one process, 1 to 100.
    #[serde(default = "ten")]
    pub max_connections: u32,
}

const fn ten() -> u32 {
    10
}

impl SmtpSettings {
    /// The port that is connected to.
    #[must_use]
    pub const fn port(&self) -> u16 {
        match (self.port, self.tls) {
            (Some(port), _) => port,
            (None, SmtpTls::Starttls) => 587,
            (None, SmtpTls::Implicit) => 465,
            (None, SmtpTls::None) => 25,
        }
    }
}

text_enum! {
    /// How a connection to a mail server is protected.
    pub enum SmtpTls {
        /// STARTTLS is required before anything is said.
        Starttls = "starttls",
        /// TLS from the first byte.
        Implicit = "implicit",
        /// In the clear: for a server on the same machine or network only. No password is sent.
        None = "none",
    }
}

#[expect(clippy::derivable_impls, reason = "`text_enum!` writes the enum")]
impl Default for SmtpTls {
    fn default() -> Self {
        Self::Starttls
    }
}

/// A provider as it is asked for through `/api` or on the command line.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewProvider {
    /// Its name on timelines and in metrics: lower-case letters, digits and dashes.
    pub name: String,
    /// What it is.
    pub kind: ProviderKind,
    /// The channel; may be left out where the kind has one only.
    #[serde(default)]
    pub channel: Option<Channel>,
    /// Whether it takes messages at once.
    #[serde(default = "yes")]
    pub active: bool,
    /// Its share among the channel's providers, 0 to 100.
    #[serde(default = "full")]
    pub weight: i32,
    /// The most calls per second of all processes together, 1 to 100,000; none is no limit.
    #[serde(default)]
    pub rate_per_second: Option<i32>,
    /// Settings of the kind.
    #[serde(default)]
    pub settings: Value,
    /// Credentials of the kind; without them AWS's come from the environment, and a mail server is
    /// not logged in to.
    #[serde(default)]
    pub credentials: Option<Value>,
}

const fn yes() -> bool {
    true
}

const fn full() -> i32 {
    100
}

/// A provider, checked. `{:?}` shows no credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderSpec {
    /// Its name.
    pub name: String,
    /// The channel it delivers.
    pub channel: Channel,
    /// Whether it takes messages.
    pub active: bool,
    /// Its share among the channel's providers.
    pub weight: i32,
    /// The most calls per second of all processes together.
    pub rate_per_second: Option<i32>,
    /// Settings, which say what kind it is.
    pub settings: ProviderSettings,
    /// Credentials, if it has its own.
    pub credentials: Option<Credentials>,
}

impl NewProvider {
    /// The provider, if everything is as it must be.
    ///
    /// # Errors
    /// Every field that is not, by its path.
    pub fn check(self) -> Result<ProviderSpec, Vec<BadField>> {
        check::check(self)
    }
}

impl ProviderSettings {
    /// What kind the settings are of.
    #[must_use]
    pub const fn kind(&self) -> ProviderKind {
        match self {
            Self::Sandbox => ProviderKind::Sandbox,
            Self::Ses(_) => ProviderKind::Ses,
            Self::Sns(_) => ProviderKind::Sns,
            Self::Smtp(_) => ProviderKind::Smtp,
        }
    }

    /// Reads stored settings of a kind.
    ///
    /// # Errors
    /// Says which field is not as it must be, and what is allowed.
    pub fn read(kind: ProviderKind, settings: &Value) -> Result<Self, String> {
        let settings = match settings {
            Value::Null => &Value::Object(serde_json::Map::new()),
            given => given,
        };
        match kind {
            ProviderKind::Sandbox => {
                return match settings {
                    Value::Object(fields) if fields.is_empty() => Ok(Self::Sandbox),
                    _ => Err("a sandbox has no settings".to_owned()),
                };
            }
            ProviderKind::Ses => SesSettings::deserialize(settings).map(Self::Ses),
            ProviderKind::Sns => SnsSettings::deserialize(settings).map(Self::Sns),
            ProviderKind::Smtp => SmtpSettings::deserialize(settings).map(Self::Smtp),
        }
        .map_err(|error| error.to_string())
    }

    /// Whether the AWS region is left to the environment of whichever process calls the provider.
    #[must_use]
    pub const fn region_is_ambient(&self) -> bool {
        matches!(
            self,
            Self::Ses(SesSettings { region: None, .. })
                | Self::Sns(SnsSettings { region: None, .. })
        )
    }

    /// As they are stored and shown.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let written = match self {
            Self::Sandbox => Ok(Value::Object(serde_json::Map::new())),
            Self::Ses(settings) => serde_json::to_value(settings),
            Self::Sns(settings) => serde_json::to_value(settings),
            Self::Smtp(settings) => serde_json::to_value(settings),
        };
        // Strings, numbers and options of them serialize always.
        written.unwrap_or_default()
    }
}
