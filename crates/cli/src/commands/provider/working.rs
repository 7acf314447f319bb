//! Whether a provider could work at all, before it is saved and takes messages.

use carillon_core::provider::{ProviderSettings, ProviderSpec};
use carillon_core::service::BadField;
use carillon_providers::connect::connect;

use super::refusal::refused;
use crate::cx::Cx;

/// Refuses a provider whose client cannot be built: no AWS region, certificates that cannot be read.
/// Nothing is sent.
pub(super) async fn must_connect(cx: &Cx, spec: &ProviderSpec) -> anyhow::Result<()> {
    let settings = cx.settings()?;
    let timeout = settings.delivery.provider_timeout;
    match connect(spec, &settings.sandbox.url, timeout).await {
        Ok(_) => Ok(()),
        Err(error) => Err(refused(vec![BadField {
            field: "settings",
            message: error.to_string(),
        }])),
    }
}

/// What a provider needs of the workers, which may have another environment than this command.
pub(super) fn remark(name: &str, settings: &ProviderSettings) -> Option<String> {
    settings.region_is_ambient().then(|| {
        format!(
            "{name} has no region of its own: this command found one in its environment, and the \
             workers need AWS_REGION in theirs. Or set it with:\n  carillon provider set {name} \
             --region REGION"
        )
    })
}

#[cfg(test)]
mod tests {
    use carillon_core::provider::ProviderKind;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_region_of_the_environment_is_remarked_on() {
        let of = |kind, settings: Value| {
            let settings = ProviderSettings::read(kind, &settings).expect("settings");
            remark("aws", &settings)
        };
        for kind in [ProviderKind::Ses, ProviderKind::Sns] {
            let text = of(kind, json!({})).expect("a remark");
            assert!(text.contains("workers need AWS_REGION"), "{text}");
            assert_eq!(of(kind, json!({"region": "eu-west-1"})), None);
        }
        assert_eq!(of(ProviderKind::Smtp, json!({"host": "h"})), None);
    }
}
