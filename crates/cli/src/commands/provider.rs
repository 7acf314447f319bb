//! `carillon provider`.

use anyhow::{Context, anyhow};
use carillon_store::provider::{self, Provider as Configured};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::cx::Cx;
use crate::format::Output;
use crate::table::{Column, table};

const SET_HELP: &str = "\
What is left out stays as it is.

Examples:
  carillon provider set sandbox-email --active false
  carillon provider set sandbox-sms --active true --weight 50";

/// What can be done with providers.
#[derive(Subcommand)]
pub(crate) enum Provider {
    /// List all providers
    List(List),
    /// Take a provider in or out, or set its share
    #[command(after_help = SET_HELP)]
    Set(Set),
}

impl Provider {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        match self {
            Self::List(command) => command.run(cx).await,
            Self::Set(command) => command.run(cx).await,
        }
    }
}

#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    output: Output,
}

impl List {
    async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let providers = provider::list(&cx.store()?)
            .await
            .context("cannot list providers")?;
        let json: Vec<Value> = providers.iter().map(fields).collect();
        self.output
            .render(|| list(&providers), json!({ "providers": json }))
    }
}

fn list(providers: &[Configured]) -> String {
    let columns = [
        Column::Left("NAME"),
        Column::Left("KIND"),
        Column::Left("CHANNEL"),
        Column::Left("ACTIVE"),
        Column::Right("WEIGHT"),
    ];
    let rows: Vec<_> = providers
        .iter()
        .map(|provider| {
            [
                provider.name.clone(),
                provider.kind.clone(),
                provider.channel.to_string(),
                if provider.active { "yes" } else { "no" }.to_owned(),
                provider.weight.to_string(),
            ]
        })
        .collect();
    table(columns, &rows)
}

#[derive(Args)]
pub(crate) struct Set {
    /// The provider's name, as shown by `carillon provider list`
    name: String,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    output: Output,
}

/// What is changed: at least one thing.
#[derive(Args)]
#[group(required = true, multiple = true)]
struct Changes {
    /// Whether it takes messages
    #[arg(long, value_name = "BOOL")]
    active: Option<bool>,
    /// Its share among the channel's providers, 0 to 100
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..=100))]
    weight: Option<i32>,
}

impl Set {
    async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self {
            name,
            changes,
            output,
        } = self;
        let store = cx.store()?;
        let providers = provider::list(&store)
            .await
            .context("cannot list providers")?;
        let mut provider = providers
            .into_iter()
            .find(|provider| provider.name == name)
            .ok_or_else(|| anyhow!("provider {name:?}: does not exist"))?;
        provider.active = changes.active.unwrap_or(provider.active);
        provider.weight = changes.weight.unwrap_or(provider.weight);
        provider::put(&store, &provider)
            .await
            .with_context(|| format!("provider {name:?}"))?;
        let json = fields(&provider);
        output.render(|| list(&[provider]), json)
    }
}

fn fields(provider: &Configured) -> Value {
    json!({
        "name": provider.name, "kind": provider.kind, "channel": provider.channel,
        "active": provider.active, "weight": provider.weight,
    })
}
