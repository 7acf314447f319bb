//! `carillon provider list` and `show`.

use carillon_core::provider::ProviderSettings;
use carillon_store::provider::Provider;
use clap::Args;
use serde_json::{Value, json};

use super::{OfProvider, all, shares};
use crate::cx::Cx;
use crate::format::Output;
use crate::table::{Column, or_dash, shown, table};

#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    output: Output,
}

impl List {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let providers = all(&cx.store()?).await?;
        let json: Vec<Value> = providers.iter().map(Provider::to_json).collect();
        self.output
            .render(|| list(&providers), json!({ "providers": json }))
    }
}

pub(super) fn list(providers: &[Provider]) -> String {
    let columns = [
        Column::Left("NAME"),
        Column::Left("KIND"),
        Column::Left("CHANNEL"),
        Column::Left("ACTIVE"),
        Column::Right("WEIGHT"),
        Column::Left("SETTINGS"),
    ];
    let rows: Vec<_> = providers
        .iter()
        .map(|provider| {
            [
                provider.name.clone(),
                provider.kind.to_string(),
                provider.channel.to_string(),
                yes_or_no(provider.active).to_owned(),
                provider.weight.to_string(),
                brief(provider),
            ]
        })
        .collect();
    table(columns, &rows)
}

const fn yes_or_no(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}

/// Where it is, in a few words.
fn brief(provider: &Provider) -> String {
    match ProviderSettings::read(provider.kind, &provider.settings) {
        Ok(ProviderSettings::Sandbox) => or_dash(None::<String>),
        Ok(ProviderSettings::Ses(ses)) => or_dash(ses.region),
        Ok(ProviderSettings::Sns(sns)) => or_dash(sns.region),
        Ok(ProviderSettings::Smtp(smtp)) => format!("{}:{} {}", smtp.host, smtp.port(), smtp.tls),
        Err(fault) => format!("unreadable: {fault}"),
    }
}

#[derive(Args)]
pub(crate) struct Show {
    #[command(flatten)]
    of: OfProvider,
    #[command(flatten)]
    output: Output,
}

impl Show {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self { of, output } = self;
        let store = cx.store()?;
        let provider = of.read(&store).await?;
        let all = all(&store).await?;
        output.render(|| show(&provider, &all), provider.to_json())
    }
}

/// Where its share rests, and its limit.
fn balance(provider: &Provider) -> String {
    let rest = if provider.weight == provider.resting_weight {
        "at rest".to_owned()
    } else {
        format!("balanced; rests at {}", provider.resting_weight)
    };
    let rate = match provider.rate_per_second {
        Some(rate) => format!("at most {rate} calls a second"),
        None => "no limit of calls".to_owned(),
    };
    format!("share: {rest}; {rate}")
}

fn show(provider: &Provider, all: &[Provider]) -> String {
    let mut lines = vec![
        format!(
            "{} ({}, {})",
            provider.name, provider.kind, provider.channel
        ),
        format!(
            "active: {}, weight {}, {} % of {}",
            yes_or_no(provider.active),
            provider.weight,
            shares::percent(&provider.name, all),
            provider.channel,
        ),
        balance(provider),
        format!(
            "credentials: {}",
            if provider.has_credentials() {
                "its own, sealed"
            } else {
                "none of its own"
            }
        ),
        format!(
            "changed: {}",
            provider.updated_at.format("%Y-%m-%d %H:%M:%SZ")
        ),
    ];
    let settings = provider.settings.as_object();
    for (name, value) in settings.into_iter().flatten() {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        // A certificate has many lines; the rest has one.
        let lines_of_it: Vec<String> = text.trim_end().lines().map(shown).collect();
        lines.push(format!("{name}: {}", lines_of_it.join("\n  ")));
    }
    lines.join("\n")
}
