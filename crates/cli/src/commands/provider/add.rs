//! `carillon provider add`.

use anyhow::{Context, anyhow};
use carillon_core::channel::Channel;
use carillon_core::provider::{NewProvider, ProviderKind, ProviderSpec};
use carillon_store::provider;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::credentials::{AwsKeys, SmtpLogin};
use super::refusal::refused;
use super::settings::{AwsSettings, Fields, SesSettings, SmtpSettings, SnsSettings};
use super::{Why, all, must_be_free, shares, trial, what, working};
use crate::cx::Cx;
use crate::format::Output;
use crate::parse;

const SMTP_HELP: &str = "\
With --test, a message is sent first and the provider is saved only if the server takes it.

Examples:
  carillon provider add smtp relay --host mail.example.org --username ada \\
      --password-file relay.password --test ada@example.org --only
  CARILLON_PROVIDER_PASSWORD=… carillon provider add smtp --host mail.example.org --username ada";

const SES_HELP: &str = "\
Without a key, those of the environment and of the machine's role are used.
With --test, a message is sent first and the provider is saved only if SES takes it.

Example:
  carillon provider add ses --region eu-west-1 --configuration-set carillon \\
      --test ada@example.org --from team@example.org --only";

const SNS_HELP: &str = "\
Without a key, those of the environment and of the machine's role are used.
With --test, a message is sent first and the provider is saved only if SNS takes it.

Example:
  carillon provider add sns --region eu-west-1 --max-price-usd 0.10 --test +447700900123";

/// The kinds of provider that can be added.
#[derive(Subcommand)]
pub(crate) enum Add {
    /// A mail server
    #[command(after_help = SMTP_HELP)]
    Smtp(Smtp),
    /// Amazon SES, for e-mail
    #[command(after_help = SES_HELP)]
    Ses(Ses),
    /// Amazon SNS, for text messages
    #[command(after_help = SNS_HELP)]
    Sns(Sns),
    /// The stand-in of development, which delivers nothing
    Sandbox(Sandbox),
}

#[derive(Args)]
#[group(id = "needed_of_smtp", required = true, args = ["host"])]
pub(crate) struct Smtp {
    #[command(flatten)]
    settings: SmtpSettings,
    #[command(flatten)]
    login: SmtpLogin,
    #[command(flatten)]
    trial: Trial,
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
pub(crate) struct Ses {
    #[command(flatten)]
    aws: AwsSettings,
    #[command(flatten)]
    settings: SesSettings,
    #[command(flatten)]
    keys: AwsKeys,
    #[command(flatten)]
    trial: Trial,
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
pub(crate) struct Sns {
    #[command(flatten)]
    aws: AwsSettings,
    #[command(flatten)]
    settings: SnsSettings,
    #[command(flatten)]
    keys: AwsKeys,
    #[command(flatten)]
    trial: Trial,
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
pub(crate) struct Sandbox {
    /// What it delivers
    #[arg(long, value_parser = parse::channel())]
    channel: Channel,
    #[command(flatten)]
    place: Place,
}

/// The test before it is saved.
#[derive(Args, Default)]
pub(crate) struct Trial {
    /// Send a test message here first, and save nothing if the provider does not take it
    #[arg(long, value_name = "RECIPIENT")]
    test: Option<String>,
    /// The address that a test e-mail is from; carillon@ the domain of the settings if left out
    #[arg(long, value_name = "ADDRESS", requires = "test")]
    from: Option<String>,
    /// Save it although the test failed
    #[arg(long, requires = "test")]
    force: bool,
}

/// Its name and its place beside the others.
#[derive(Args)]
pub(crate) struct Place {
    /// Its name on timelines and in metrics: lower-case letters, digits and dashes; its kind if left
    /// out
    name: Option<String>,
    /// Its share among the channel's active providers, 0 to 100
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(i32).range(0..=100))]
    weight: i32,
    /// The most calls per second of all processes together; no limit if left out
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=100_000))]
    rate_per_second: Option<i32>,
    /// It takes no messages yet
    #[arg(long)]
    inactive: bool,
    /// It becomes the only active provider of its channel: all others are set inactive
    #[arg(long, conflicts_with = "inactive")]
    only: bool,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    output: Output,
}

impl Add {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let mut fields = Fields::default();
        let (kind, channel, credentials, trial, place) = match self {
            Self::Smtp(smtp) => {
                fields.smtp(smtp.settings)?;
                let login = smtp.login.read()?;
                (ProviderKind::Smtp, None, login, smtp.trial, smtp.place)
            }
            Self::Ses(ses) => {
                fields.aws(ses.aws);
                fields.ses(ses.settings);
                (
                    ProviderKind::Ses,
                    None,
                    ses.keys.read()?,
                    ses.trial,
                    ses.place,
                )
            }
            Self::Sns(sns) => {
                fields.aws(sns.aws);
                fields.sns(sns.settings);
                (
                    ProviderKind::Sns,
                    None,
                    sns.keys.read()?,
                    sns.trial,
                    sns.place,
                )
            }
            Self::Sandbox(sandbox) => {
                let channel = Some(sandbox.channel);
                (
                    ProviderKind::Sandbox,
                    channel,
                    None,
                    Trial::default(),
                    sandbox.place,
                )
            }
        };
        let new = NewProvider {
            name: place.name.unwrap_or_else(|| kind.to_string()),
            kind,
            channel,
            active: !place.inactive,
            weight: place.weight,
            rate_per_second: place.rate_per_second,
            settings: Value::Object(fields.0),
            credentials,
        };
        let spec = new.check().map_err(refused)?;
        add(cx, &spec, &trial, place.only, &place.why, place.output).await
    }
}

async fn add(
    cx: &Cx,
    spec: &ProviderSpec,
    trial: &Trial,
    only: bool,
    why: &Why,
    output: Output,
) -> anyhow::Result<String> {
    let store = match spec.credentials {
        Some(_) => cx.store_with_keys()?,
        None => cx.store()?,
    };
    must_be_free(&spec.name, &all(&store).await?)?;
    working::must_connect(cx, spec).await?;
    let mut said = Vec::new();
    if let Some(recipient) = &trial.test {
        let from = trial.from.as_deref();
        let tried = trial::attempt(cx, spec, "--test", recipient, from).await?;
        if !tried.is_accepted() && !trial.force {
            return Err(anyhow!(
                "{} was not saved (--force saves it all the same); the test message was {tried}",
                what(&spec.name)
            ));
        }
        said.push(format!("The test message was {tried}."));
    }
    // With `--only` in one transaction: no message meets both, or none.
    let (added, stopped) = if only {
        provider::create_alone(&store, spec, why.by()).await
    } else {
        provider::create(&store, spec, why.by())
            .await
            .map(|added| (added, Vec::new()))
    }
    .with_context(|| what(&spec.name))?;
    said.push(format!(
        "added {}, {} by {}",
        what(&added.name),
        added.channel,
        added.kind
    ));
    said.extend(
        stopped
            .iter()
            .map(|name| format!("set {} inactive", what(name))),
    );
    said.extend(working::remark(&added.name, &spec.settings));
    said.extend(shares::remarks(added.channel, &all(&store).await?));
    output.render(|| said.join("\n"), added.to_json())
}
