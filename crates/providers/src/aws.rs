//! What SES and SNS share: one way to set up the SDK, and one reading of its errors.
//!
//! The SDK tries every call once: whether there is another is the worker's decision. Nothing here
//! logs, and no text of AWS's reaches an outcome, since it may quote the recipient.

pub(crate) mod fault;
pub(crate) mod meaning;
pub(crate) mod progress;
#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::{ProvideRegion, RegionProviderChain};
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sns::config::Credentials;
use carillon_core::provider::AwsKeys;

use crate::provider::SetupError;

/// How an account of AWS's is reached.
pub(crate) struct Account<'a> {
    /// The region; without one, that of the environment or of the profile.
    pub region: Option<&'a str>,
    /// An access key; without one, what AWS's own chain finds: environment, profile, web identity,
    /// container, instance.
    pub keys: Option<&'a AwsKeys>,
    /// Where the service is, if neither AWS nor `AWS_ENDPOINT_URL…` is to say.
    pub endpoint_url: Option<&'a str>,
    /// What a whole call may take; half of it, until there is a connection.
    pub timeout: Duration,
}

impl Account<'_> {
    /// The SDK's configuration.
    ///
    /// # Errors
    /// When no region is known. The region of the instance that this may run on is not asked for:
    /// a machine outside of AWS would wait seconds for the answer.
    pub async fn config(&self) -> Result<SdkConfig, SetupError> {
        let ambient = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
            .or_else(ProfileFileRegionProvider::new());
        let region = region(self.region, ambient).await?;
        // The defaults of one dated version, so that an update of the SDK changes none silently.
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(region)
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(self.timeout / 2)
                    .operation_attempt_timeout(self.timeout)
                    // Finding credentials counts too.
                    .operation_timeout(self.timeout)
                    .build(),
            )
            // The deadlines above bound a stalled transfer as well.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(keys) = self.keys {
            loader = loader.credentials_provider(Credentials::new(
                &keys.access_key_id,
                &keys.secret_access_key,
                None,
                None,
                "carillon",
            ));
        }
        if let Some(url) = self.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        Ok(loader.load().await)
    }
}

async fn region(given: Option<&str>, ambient: impl ProvideRegion) -> Result<Region, SetupError> {
    match given {
        Some(region) => Ok(Region::new(region.to_owned())),
        None => ambient.region().await.ok_or(SetupError::NoRegion),
    }
}
