//! How S3 is reached: what AWS's variables and profile say, in the SDK's own reading.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::service_config::ServiceConfigKey;
use url::Url;

use crate::{Error, Result};

/// What servers that speak as S3 does take for their region where none is given.
const CUSTOMARY_REGION: &str = "us-east-1";

/// How S3 is reached.
#[derive(Debug)]
pub(crate) struct Account {
    pub region: String,
    /// Where S3 is, if not at AWS; without a slash at the end.
    pub endpoint: Option<String>,
    pub credentials: SharedCredentialsProvider,
}

impl Account {
    /// That of this process: `AWS_REGION`, `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`, a profile,
    /// and credentials from wherever the SDK finds them, which is not asked before they are needed.
    ///
    /// # Errors
    /// When there is neither a region nor an endpoint, or the endpoint cannot be read. The region of
    /// the instance that this may run on is not asked for: a machine outside of AWS would wait
    /// seconds for the answer.
    pub async fn ambient(answers_within: Duration) -> Result<Self> {
        let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
            .or_else(ProfileFileRegionProvider::new());
        let region = region.region().await;
        let has_region = region.is_some();
        // The defaults of one dated version, so that an update of the SDK changes none silently.
        let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
            // Without one, the SDK would ask the instance.
            .region(region.unwrap_or(Region::from_static(CUSTOMARY_REGION)))
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(answers_within / 4)
                    .operation_timeout(answers_within)
                    .build(),
            )
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .load()
            .await;
        Self::of(&config, has_region)
    }

    /// That of the SDK's configuration.
    fn of(config: &SdkConfig, has_region: bool) -> Result<Self> {
        let for_s3 = config.service_config().and_then(|variables| {
            let key = ServiceConfigKey::builder()
                .service_id("S3")
                .env("AWS_ENDPOINT_URL")
                .profile("endpoint_url");
            variables.load_config(key.build().ok()?)
        });
        let endpoint = for_s3.or_else(|| config.endpoint_url().map(ToOwned::to_owned));
        let endpoint = endpoint.map(|url| read_endpoint(&url)).transpose()?;
        let region = config.region().map(ToString::to_string);
        Ok(Self {
            region: match region.filter(|_| has_region) {
                Some(region) => region,
                None if endpoint.is_some() => CUSTOMARY_REGION.to_owned(),
                None => return Err(Error::Setup("no AWS region for the bucket: set AWS_REGION")),
            },
            endpoint,
            credentials: config
                .credentials_provider()
                .ok_or(Error::Setup("no AWS credentials are looked for"))?,
        })
    }
}

fn read_endpoint(text: &str) -> Result<String> {
    let is_plain = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    let url = Url::parse(text).ok().filter(is_plain);
    let url = url.ok_or(Error::Setup(
        "AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL is not http[s]://HOST[:PORT]",
    ))?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;
    use aws_types::service_config::LoadServiceConfig;

    use super::*;

    /// Where the variables say that S3 is.
    #[derive(Debug)]
    struct ForS3(&'static str);

    impl LoadServiceConfig for ForS3 {
        fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
            assert_eq!(key.env(), "AWS_ENDPOINT_URL");
            (key.service_id() == "S3").then(|| self.0.to_owned())
        }
    }

    fn config() -> aws_types::sdk_config::Builder {
        let credentials = Credentials::new("key", "secret", None, None, "test");
        SdkConfig::builder()
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
    }

    #[test]
    fn an_endpoint_for_s3_counts_more_than_one_for_all_services() {
        let one_for_all = || config().endpoint_url("https://all.example/");
        let account = Account::of(&one_for_all().build(), true).unwrap();
        assert_eq!(account.endpoint.as_deref(), Some("https://all.example"));
        let with_s3 = one_for_all().service_config(ForS3("http://[::1]:9000"));
        let account = Account::of(&with_s3.build(), true).unwrap();
        assert_eq!(account.endpoint.as_deref(), Some("http://[::1]:9000"));
        assert_eq!(account.region, "eu-west-1");
    }

    #[test]
    fn a_region_is_needed_only_at_aws() {
        let error = Account::of(&config().build(), false).unwrap_err();
        assert!(error.to_string().contains("AWS_REGION"), "{error}");
        let elsewhere = config().endpoint_url("http://minio:9000").build();
        let account = Account::of(&elsewhere, false).unwrap();
        assert_eq!(account.region, CUSTOMARY_REGION);
        assert_eq!(Account::of(&config().build(), true).unwrap().endpoint, None);
    }

    #[test]
    fn an_endpoint_with_a_password_or_of_another_scheme_is_refused_unquoted() {
        for bad in [
            "minio:9000",
            "ftp://minio",
            "http://key:secret@minio:9000",
            "http://minio?secret",
        ] {
            let error = read_endpoint(bad).unwrap_err().to_string();
            assert!(error.contains("AWS_ENDPOINT_URL"), "{bad}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
