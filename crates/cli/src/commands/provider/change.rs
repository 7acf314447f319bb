//! `carillon provider set` and `remove`.

use anyhow::Context;
use carillon_core::provider::ProviderKind;
use carillon_core::provider::changes::Changes;
use carillon_store::provider;
use clap::Args;
use serde_json::Value;

use super::carry_out::Change;
use super::credentials::{AwsKeys, SmtpLogin};
use super::settings::{AwsSettings, Fields, SesSettings, SmtpSettings, SnsSettings};
use super::{OfProvider, Why, all, or_force, shares};
use crate::cx::Cx;
use crate::failure::bad_argument;
use crate::format::Output;

/// What is changed: at least one thing.
#[derive(Args)]
#[group(id = "provider_changes", required = true, multiple = true, args = [
    "active", "weight", "rate_per_second", "no_rate", "host", "port", "tls", "ca_file", "max_connections", "region",
    "configuration_set", "sms_type", "max_price_usd", "username", "access_key_id",
    "no_credentials",
])]
pub(crate) struct Set {
    #[command(flatten)]
    of: OfProvider,
    /// Whether it takes messages
    #[arg(long, value_name = "BOOL")]
    active: Option<bool>,
    /// Its share among the channel's providers, 0 to 100
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..=100))]
    weight: Option<i32>,
    /// The most calls per second of all processes together
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=100_000))]
    rate_per_second: Option<i32>,
    /// No limit of calls per second
    #[arg(long, conflicts_with = "rate_per_second")]
    no_rate: bool,
    #[command(flatten)]
    smtp: SmtpSettings,
    #[command(flatten)]
    aws: AwsSettings,
    #[command(flatten)]
    ses: SesSettings,
    #[command(flatten)]
    sns: SnsSettings,
    #[command(flatten)]
    login: SmtpLogin,
    #[command(flatten)]
    keys: AwsKeys,
    /// Take its credentials away
    #[arg(long, conflicts_with_all = ["username", "access_key_id"])]
    no_credentials: bool,
    #[command(flatten)]
    why: Why,
    /// Change it although nobody would deliver its channel any more
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    output: Output,
}

impl Set {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self {
            of,
            active,
            weight,
            rate_per_second,
            no_rate,
            smtp,
            aws,
            ses,
            sns,
            login,
            keys,
            no_credentials,
            why,
            force,
            output,
        } = self;
        let mut fields = Fields::default();
        fields.smtp(smtp)?;
        fields.aws(aws);
        fields.ses(ses);
        fields.sns(sns);
        let (login, keys) = (login.read()?, keys.read()?);
        let store = match (&login, &keys) {
            (None, None) => cx.store()?,
            _ => cx.store_with_keys()?,
        };
        let before = of.read(&store).await?;
        let changes = Changes {
            active,
            weight,
            rate_per_second: if no_rate {
                Some(None)
            } else {
                rate_per_second.map(Some)
            },
            settings: fields.0,
            credentials: credentials(before.kind, login, keys, no_credentials)?,
            ..Changes::default()
        };
        let change = Change { of, why, output };
        change.carry_out(cx, &store, &before, changes, force).await
    }
}

/// The one of both that the kind takes; the other would be lost without a word.
fn credentials(
    kind: ProviderKind,
    login: Option<Value>,
    keys: Option<Value>,
    none: bool,
) -> anyhow::Result<Option<Option<Value>>> {
    if none {
        return Ok(Some(None));
    }
    let is_aws = matches!(kind, ProviderKind::Ses | ProviderKind::Sns);
    match (login, keys) {
        (None, None) => Ok(None),
        (Some(login), None) if kind == ProviderKind::Smtp => Ok(Some(Some(login))),
        (None, Some(keys)) if is_aws => Ok(Some(Some(keys))),
        (Some(_), _) if kind != ProviderKind::Smtp => Err(bad_argument(
            "--username",
            format!("is of no use to {kind}"),
        )),
        _ => Err(bad_argument(
            "--access-key-id",
            format!("is of no use to {kind}"),
        )),
    }
}

#[derive(Args)]
pub(crate) struct Remove {
    #[command(flatten)]
    of: OfProvider,
    #[command(flatten)]
    why: Why,
    /// Remove it although nobody else delivers its channel
    #[arg(long)]
    force: bool,
}

impl Remove {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self { of, why, force } = self;
        let store = cx.store()?;
        let last = shares::last_of(&of.name, &all(&store).await?);
        provider::remove(&store, &of.name, why.by(), force)
            .await
            .map_err(or_force)
            .with_context(|| of.what())?;
        let mut said = vec![format!("removed {}", of.what())];
        if let Some(channel) = last {
            said.extend(shares::remarks(channel, &all(&store).await?));
        }
        Ok(said.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_credentials_of_its_kind_are_taken() {
        let (login, keys) = (|| Some(json!("login")), || Some(json!("keys")));
        let of = |kind, login, keys| credentials(kind, login, keys, false);
        assert_eq!(of(ProviderKind::Smtp, None, None).ok(), Some(None));
        assert_eq!(
            of(ProviderKind::Smtp, login(), None).ok(),
            Some(Some(login()))
        );
        assert_eq!(of(ProviderKind::Sns, None, keys()).ok(), Some(Some(keys())));
        for (kind, given, argument) in [
            (ProviderKind::Ses, (login(), None), "--username"),
            (ProviderKind::Ses, (login(), keys()), "--username"),
            (ProviderKind::Smtp, (None, keys()), "--access-key-id"),
            (ProviderKind::Smtp, (login(), keys()), "--access-key-id"),
            (ProviderKind::Sandbox, (None, keys()), "--access-key-id"),
        ] {
            let error = of(kind, given.0, given.1).expect_err("of no use");
            let text = format!("{error:#}");
            assert!(
                text.contains(&format!("{argument}: is of no use to {kind}")),
                "{text}"
            );
        }
        let none = credentials(ProviderKind::Ses, None, None, true);
        assert_eq!(none.ok(), Some(Some(None)));
    }
}
