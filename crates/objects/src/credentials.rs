//! Credentials for S3 from every place that AWS's own SDK searches: variables, profile, web
//! identity, container, instance.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use carillon_core::clock;
use chrono::{DateTime, TimeDelta, Utc};
use object_store::aws::AwsCredential;
use object_store::{CredentialProvider, Error as StoreError};
use parking_lot::Mutex;

use crate::Error;

/// Fresh ones are asked for so long before the old ones expire.
const BEFORE_EXPIRY: TimeDelta = TimeDelta::minutes(5);

/// And at the latest after this time, for they may be withdrawn.
const AT_MOST: TimeDelta = TimeDelta::minutes(15);

/// The SDK's chain, with a memory: the chain itself asks its source at every call.
pub(crate) struct Chain {
    source: SharedCredentialsProvider,
    held: Mutex<Option<Held>>,
}

#[derive(Clone)]
struct Held {
    credential: Arc<AwsCredential>,
    expires: Option<DateTime<Utc>>,
    /// From then on, fresh ones are asked for.
    refresh_from: DateTime<Utc>,
}

impl Chain {
    pub(crate) fn new(source: SharedCredentialsProvider) -> Self {
        Self {
            source,
            held: Mutex::new(None),
        }
    }

    async fn fetch(&self) -> Result<Held, NoCredentials> {
        let found = self.source.provide_credentials().await;
        let found = found.map_err(|error| NoCredentials::of(&error))?;
        let expires = found.expiry().map(DateTime::from);
        Ok(Held {
            credential: Arc::new(AwsCredential {
                key_id: found.access_key_id().to_owned(),
                secret_key: found.secret_access_key().to_owned(),
                token: found.session_token().map(ToOwned::to_owned),
            }),
            expires,
            refresh_from: refresh_from(expires, clock::now()),
        })
    }
}

fn refresh_from(expires: Option<DateTime<Utc>>, now: DateTime<Utc>) -> DateTime<Utc> {
    let latest = now + AT_MOST;
    expires.map_or(latest, |expires| latest.min(expires - BEFORE_EXPIRY))
}

// Neither credentials nor where they come from.
impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").finish_non_exhaustive()
    }
}

#[async_trait]
impl CredentialProvider for Chain {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let held = self.held.lock().clone();
        let now = clock::now();
        if let Some(held) = held.as_ref().filter(|held| now < held.refresh_from) {
            return Ok(held.credential.clone());
        }
        // Several calls may come here at once; each gets an answer, and one of them stays.
        match self.fetch().await {
            Ok(fresh) => {
                let credential = fresh.credential.clone();
                *self.held.lock() = Some(fresh);
                Ok(credential)
            }
            Err(error) => match held {
                Some(held) if held.expires.is_some_and(|expires| now < expires) => {
                    Ok(held.credential)
                }
                _ => Err(StoreError::Generic {
                    store: "S3",
                    source: Box::new(error),
                }),
            },
        }
    }
}

/// There are no credentials. What the SDK says stays with it: it may quote an answer of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoCredentials {
    /// No place that was searched has any, or one is not set up as it should be.
    #[error("no AWS credentials")]
    None,
    /// A place that should have some does not answer.
    #[error("AWS credentials cannot be fetched")]
    NotNow,
}

impl NoCredentials {
    const fn of(error: &CredentialsError) -> Self {
        match error {
            CredentialsError::ProviderTimedOut(_) | CredentialsError::ProviderError(_) => {
                Self::NotNow
            }
            _ => Self::None,
        }
    }

    /// What it means to who wants an object.
    pub fn meaning(self) -> Error {
        match self {
            Self::None => Error::Refused(
                "no AWS credentials: give this process a role or the AWS_ variables".to_owned(),
            ),
            Self::NotNow => Error::Unavailable(
                "AWS credentials cannot be fetched; without a role, the AWS_ variables are needed"
                    .to_owned(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::SystemTime;

    use aws_credential_types::Credentials;
    use aws_credential_types::provider::future;

    use super::*;

    /// Hands out numbered credentials that live for a time, and none after so many.
    #[derive(Debug)]
    struct Source {
        lives: TimeDelta,
        most: usize,
        n_given: AtomicUsize,
    }

    impl ProvideCredentials for Source {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let nth = self.n_given.fetch_add(1, Ordering::SeqCst) + 1;
            if nth > self.most {
                return future::ProvideCredentials::ready(Err(CredentialsError::provider_error(
                    "quoting secret-answer",
                )));
            }
            let expires = SystemTime::from(clock::now() + self.lives);
            future::ProvideCredentials::ready(Ok(Credentials::new(
                format!("key-{nth}"),
                "secret-key",
                Some("token".to_owned()),
                Some(expires),
                "test",
            )))
        }
    }

    fn chain(lives: TimeDelta, most: usize) -> Chain {
        Chain::new(SharedCredentialsProvider::new(Source {
            lives,
            most,
            n_given: AtomicUsize::new(0),
        }))
    }

    async fn key_id(chain: &Chain) -> Result<String, Error> {
        let credential = chain.get_credential().await;
        credential
            .map(|credential| credential.key_id.clone())
            .map_err(|error| Error::of(&error))
    }

    #[tokio::test]
    async fn credentials_are_fetched_once_while_they_are_fresh() {
        let chain = chain(TimeDelta::hours(1), 1);
        for _ in 0..3 {
            assert_eq!(key_id(&chain).await.unwrap(), "key-1");
        }
    }

    #[tokio::test]
    async fn credentials_about_to_expire_are_renewed() {
        let chain = chain(TimeDelta::minutes(4), 9);
        assert_eq!(key_id(&chain).await.unwrap(), "key-1");
        assert_eq!(key_id(&chain).await.unwrap(), "key-2");
    }

    #[tokio::test]
    async fn credentials_that_still_hold_are_used_while_there_are_no_fresh_ones() {
        let chain = chain(TimeDelta::minutes(4), 1);
        assert_eq!(key_id(&chain).await.unwrap(), "key-1");
        assert_eq!(key_id(&chain).await.unwrap(), "key-1");
    }

    #[tokio::test]
    async fn without_any_the_error_is_transient_and_quotes_nothing() {
        let chain = chain(TimeDelta::minutes(-1), 1);
        assert_eq!(key_id(&chain).await.unwrap(), "key-1");
        let error = key_id(&chain).await.unwrap_err();
        assert!(error.is_transient(), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(!format!("{chain:?}").contains("secret"));
    }

    #[test]
    fn credentials_without_an_end_are_asked_for_again_too() {
        let now = clock::now();
        assert_eq!(refresh_from(None, now), now + AT_MOST);
        let soon = now + TimeDelta::minutes(7);
        assert_eq!(refresh_from(Some(soon), now), now + TimeDelta::minutes(2));
    }
}
