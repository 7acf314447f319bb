//! Credentials of providers: written down sealed, shown to nobody.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ProviderKind;

/// Credentials of a provider. `{:?}` shows none of them.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// An AWS access key.
    Aws(AwsKeys),
    /// A login at a mail server.
    Smtp(SmtpLogin),
}

/// An AWS access key, for accounts that are not those of the process's own role.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsKeys {
    /// Its public half.
    pub access_key_id: String,
    /// Its secret half.
    pub secret_access_key: String,
}

/// A login at a mail server.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpLogin {
    /// The user.
    pub username: String,
    /// The password.
    pub password: String,
}

impl Credentials {
    /// Reads credentials of a kind.
    ///
    /// # Errors
    /// Says which field is not as it must be; never its value.
    pub fn read(kind: ProviderKind, credentials: &Value) -> Result<Self, String> {
        let needed = |fields| format!("must be an object with {fields}, all text");
        match kind {
            ProviderKind::Sandbox => Err("a sandbox takes no credentials".to_owned()),
            ProviderKind::Ses | ProviderKind::Sns => AwsKeys::deserialize(credentials)
                .map(Self::Aws)
                .map_err(|_| needed("access_key_id and secret_access_key")),
            ProviderKind::Smtp => SmtpLogin::deserialize(credentials)
                .map(Self::Smtp)
                .map_err(|_| needed("username and password")),
        }
    }

    /// As they are sealed.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let written = match self {
            Self::Aws(keys) => serde_json::to_value(keys),
            Self::Smtp(login) => serde_json::to_value(login),
        };
        // Strings serialize always.
        written.unwrap_or_default()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aws(_) => "Credentials::Aws(..)",
            Self::Smtp(_) => "Credentials::Smtp(..)",
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn neither_debug_output_nor_an_error_shows_a_secret() {
        let good = json!({"username": "ada", "password": "hunter2"});
        let login = Credentials::read(ProviderKind::Smtp, &good).unwrap();
        assert!(!format!("{login:?}").contains("hunter2"));
        assert_eq!(login.to_json(), good);
        let bad = json!({"username": "ada", "password": "hunter2", "token": "hunter3"});
        let error = Credentials::read(ProviderKind::Smtp, &bad).unwrap_err();
        assert!(!error.contains("hunter"), "{error}");
    }
}
