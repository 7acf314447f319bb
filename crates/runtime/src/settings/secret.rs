//! Secrets are read as they are and written as a placeholder.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serializer};

/// What stands in the place of a secret wherever settings are shown.
pub const REDACTED: &str = "[redacted]";

/// For a secret that every process needs. One that is missing is empty, and refused by
/// [`Settings::load`](super::Settings::load).
pub(super) mod required {
    use super::{Deserialize, Deserializer, ExposeSecret, REDACTED, SecretString, Serializer};

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SecretString, D::Error> {
        SecretString::deserialize(from)
    }

    pub fn serialize<S: Serializer>(value: &SecretString, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(if value.expose_secret().is_empty() {
            ""
        } else {
            REDACTED
        })
    }
}

/// For a secret that may be missing. An empty one counts as missing: an empty token or key would
/// be one that anybody can guess.
pub(super) mod optional {
    use super::{Deserialize, Deserializer, ExposeSecret, REDACTED, SecretString, Serializer};

    pub fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<SecretString>, D::Error> {
        let secret = Option::<String>::deserialize(from)?.map(SecretString::from);
        Ok(secret.filter(|secret| !secret.expose_secret().is_empty()))
    }

    pub fn serialize<S: Serializer>(
        value: &Option<SecretString>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(_) => to.serialize_some(REDACTED),
            None => to.serialize_none(),
        }
    }
}
