//! `carillon provider test`, and the test before a provider is added.

use anyhow::{Context, anyhow};
use carillon_core::provider::ProviderSpec;
use carillon_providers::connect::connect;
use carillon_providers::connect::trial::{BadTrial, Trial, Tried};
use clap::Args;

use super::OfProvider;
use crate::cx::Cx;
use crate::failure::bad_argument;
use crate::format::Output;

#[derive(Args)]
pub(crate) struct Test {
    #[command(flatten)]
    of: OfProvider,
    /// Whom the message goes to: an e-mail address, or a phone number (with + and the country unless
    /// it is British)
    recipient: String,
    /// The address that an e-mail is from; carillon@ the domain of the settings if left out
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    #[command(flatten)]
    output: Output,
}

impl Test {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self {
            of,
            recipient,
            from,
            output,
        } = self;
        let spec = of.open(&cx.store()?).await?;
        let tried = attempt(cx, &spec, "RECIPIENT", &recipient, from.as_deref()).await?;
        let printed = output.render(|| tried.to_string(), &tried)?;
        if tried.is_accepted() {
            return Ok(printed);
        }
        // What the provider said is the result, although it is no success.
        crate::print(&printed)?;
        Err(anyhow!("{}: did not take the test message", of.what()))
    }
}

/// Sends the test message; `argument` is what the recipient was given by.
pub(super) async fn attempt(
    cx: &Cx,
    spec: &ProviderSpec,
    argument: &str,
    recipient: &str,
    from: Option<&str>,
) -> anyhow::Result<Tried> {
    let settings = cx.settings()?;
    let default = format!("carillon@{}", settings.email.domain);
    let trial = Trial::new(spec.channel, recipient, from.unwrap_or(&default));
    let trial = trial.map_err(|error| match error {
        BadTrial::Recipient(message) => bad_argument(argument, message),
        BadTrial::From => bad_argument("--from", error),
    })?;
    let timeout = settings.delivery.provider_timeout;
    let provider = connect(spec, &settings.sandbox.url, timeout)
        .await
        .with_context(|| super::what(&spec.name))?;
    Ok(trial.send(&*provider, spec.channel).await)
}
