//! API keys: their types, and the full key string that clients hold.

use uuid::Uuid;

use crate::id::ServiceId;

text_enum! {
    /// What a key may do.
    pub enum KeyType {
        /// Sends to anyone ("live").
        Normal = "normal",
        /// Sends to the service's team and safelist only.
        Team = "team",
        /// Sends to nobody: everything goes to the sandbox.
        Test = "test",
    }
}

/// A full key taken apart: `<name>-<service id>-<secret>`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FullKey {
    /// The service named in the key.
    pub service_id: ServiceId,
    /// The secret, which signs JWTs.
    pub secret: Uuid,
}

impl FullKey {
    /// Takes the last 36 characters as secret and the 36 before the dash as service id, as the
    /// official clients do; the name may hold dashes and a `gcntfy-` prefix.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let secret_at = text.len().checked_sub(36)?;
        let service_at = secret_at.checked_sub(37)?;
        let secret = text.get(secret_at..)?.parse().ok()?;
        let service_id = text.get(service_at..secret_at - 1)?.parse().ok()?;
        let dash = text.as_bytes().get(secret_at - 1)?;
        (*dash == b'-').then_some(Self { service_id, secret })
    }

    /// The string that is shown once to the key's creator.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        format!("{name}-{}-{}", self.service_id, self.secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_key_is_read_back() {
        let key = FullKey {
            service_id: ServiceId(Uuid::from_u128(1)),
            secret: Uuid::from_u128(2),
        };
        for name in ["live", "my-key-with-dashes", "gcntfy-live", "ключ"] {
            assert!(FullKey::parse(&key.text(name)) == Some(key));
        }
    }

    #[test]
    fn anything_else_is_refused_without_panicking() {
        for text in ["", "x", &"é".repeat(80), &"-".repeat(73), "name-1-2"] {
            assert!(FullKey::parse(text).is_none());
        }
    }
}
