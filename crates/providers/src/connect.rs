//! From settings to a provider that can be called: the one place that knows every kind.

pub mod trial;

use std::time::Duration;

use carillon_core::provider::{AwsKeys, Credentials, ProviderSettings, ProviderSpec, SmtpLogin};

use crate::provider::{Provider, SetupError};
use crate::sandbox::Sandbox;
use crate::ses::Ses;
use crate::smtp::Smtp;
use crate::sns::Sns;

/// The provider of a spec. A sandbox is at `sandbox_url`; `timeout` bounds each call.
///
/// Nothing is sent, and for AWS without keys of its own nothing is looked up beyond the environment
/// and the machine's role.
///
/// # Errors
/// When the client cannot be built: an address or a certificate cannot be read, no region is known,
/// or the credentials are of another kind.
pub async fn connect(
    spec: &ProviderSpec,
    sandbox_url: &str,
    timeout: Duration,
) -> Result<Box<dyn Provider>, SetupError> {
    let name = spec.name.as_str();
    let credentials = spec.credentials.as_ref();
    Ok(match &spec.settings {
        ProviderSettings::Sandbox if credentials.is_some() => return Err(SetupError::Credentials),
        ProviderSettings::Sandbox => Box::new(Sandbox::new(sandbox_url, timeout)?.named(name)),
        ProviderSettings::Ses(ses) => {
            Box::new(Ses::new(name, ses, aws(credentials)?, timeout).await?)
        }
        ProviderSettings::Sns(sns) => {
            Box::new(Sns::new(name, sns, aws(credentials)?, timeout).await?)
        }
        ProviderSettings::Smtp(smtp) => {
            Box::new(Smtp::new(name, smtp, login(credentials)?, timeout)?)
        }
    })
}

const fn aws(credentials: Option<&Credentials>) -> Result<Option<&AwsKeys>, SetupError> {
    match credentials {
        None => Ok(None),
        Some(Credentials::Aws(keys)) => Ok(Some(keys)),
        Some(Credentials::Smtp(_)) => Err(SetupError::Credentials),
    }
}

const fn login(credentials: Option<&Credentials>) -> Result<Option<&SmtpLogin>, SetupError> {
    match credentials {
        None => Ok(None),
        Some(Credentials::Smtp(login)) => Ok(Some(login)),
        Some(Credentials::Aws(_)) => Err(SetupError::Credentials),
    }
}

#[cfg(test)]
mod tests {
    use carillon_core::provider::NewProvider;
    use serde_json::{Value, json};

    use super::*;

    fn spec(new: Value) -> ProviderSpec {
        serde_json::from_value::<NewProvider>(new)
            .unwrap()
            .check()
            .unwrap()
    }

    async fn connected(spec: &ProviderSpec) -> Result<Box<dyn Provider>, SetupError> {
        connect(spec, "http://127.0.0.1:1", Duration::from_secs(1)).await
    }

    #[tokio::test]
    async fn every_kind_becomes_a_provider() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        for (new, name) in [
            (
                json!({"name": "s", "kind": "sandbox", "channel": "sms"}),
                "s",
            ),
            (
                json!({"name": "a", "kind": "ses", "settings": {"region": "eu-west-1"}}),
                "a",
            ),
            (
                json!({"name": "b", "kind": "sns", "settings": {"region": "eu-west-1"}}),
                "b",
            ),
            (
                json!({"name": "c", "kind": "smtp", "settings": {"host": "localhost"}}),
                "c",
            ),
        ] {
            assert_eq!(connected(&spec(new)).await.unwrap().name(), name);
        }
    }

    #[tokio::test]
    async fn credentials_of_another_kind_are_refused() {
        let keys = json!({"access_key_id": "AKIA", "secret_access_key": "s"});
        let aws = spec(json!({"name": "a", "kind": "ses", "credentials": keys}));
        let smtp = spec(json!({"name": "b", "kind": "smtp", "settings": {"host": "h"}}));
        let sandbox = spec(json!({"name": "c", "kind": "sandbox", "channel": "email"}));
        for mut mixed in [smtp, sandbox] {
            mixed.credentials.clone_from(&aws.credentials);
            let refused = connected(&mixed).await;
            assert!(
                matches!(refused, Err(SetupError::Credentials)),
                "{}",
                mixed.name
            );
        }
    }
}
