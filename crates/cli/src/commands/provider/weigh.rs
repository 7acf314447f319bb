//! `carillon provider weigh`, `drain`, `enable` and `disable`.

use anyhow::Context;
use carillon_core::provider::changes::Changes;
use carillon_store::provider::{self, Provider};
use clap::Args;
use serde_json::json;

use super::refusal::refused;
use super::{OfProvider, Why, all, or_force, read, shares, working};
use crate::cx::Cx;
use crate::format::Output;

/// Which provider, why, and how it is printed.
#[derive(Args)]
pub(crate) struct Change {
    #[command(flatten)]
    of: OfProvider,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    output: Output,
}

/// `--force`
#[derive(Args)]
pub(crate) struct Force {
    /// Do it although nobody would deliver its channel any more
    #[arg(long)]
    force: bool,
}

#[derive(Args)]
pub(crate) struct Weigh {
    #[command(flatten)]
    change: Change,
    /// Its share among the channel's active providers, 0 to 100
    #[arg(value_name = "N", value_parser = clap::value_parser!(i32).range(0..=100))]
    weight: i32,
    #[command(flatten)]
    force: Force,
}

impl Weigh {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let changes = Changes {
            weight: Some(self.weight),
            ..Changes::default()
        };
        self.change.carry_out(cx, changes, self.force.force).await
    }
}

#[derive(Args)]
pub(crate) struct Drain {
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    force: Force,
}

impl Drain {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let changes = Changes {
            weight: Some(0),
            ..Changes::default()
        };
        self.change.carry_out(cx, changes, self.force.force).await
    }
}

#[derive(Args)]
pub(crate) struct Enable {
    #[command(flatten)]
    change: Change,
}

impl Enable {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let changes = Changes {
            active: Some(true),
            ..Changes::default()
        };
        self.change.carry_out(cx, changes, false).await
    }
}

#[derive(Args)]
pub(crate) struct Disable {
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    force: Force,
}

impl Disable {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let changes = Changes {
            active: Some(false),
            ..Changes::default()
        };
        self.change.carry_out(cx, changes, self.force.force).await
    }
}

impl Change {
    async fn carry_out(self, cx: &Cx, changes: Changes, force: bool) -> anyhow::Result<String> {
        let Self { of, why, output } = self;
        let store = cx.store()?;
        let before = of.read(&store).await?;
        let after = changes.apply(before.current()).map_err(refused)?;
        let mut remarks = Vec::new();
        if after.must_connect(before.current()) {
            working::must_connect(cx, &after.spec(before.current())).await?;
            remarks.extend(working::remark(&before.name, &after.settings));
        }
        let provider = provider::update(&store, &before, &after, why.by(), force)
            .await
            .map_err(or_force)
            .with_context(|| of.what())?;
        let mut json = provider.to_json();
        if takes(&before) && !takes(&provider) {
            let n_with_it = provider::n_with_it(&store, &provider.name).await.ok();
            json["n_with_it"] = json!(n_with_it);
            remarks.push(still_with_it(&provider.name, n_with_it));
        }
        remarks.extend(shares::remarks(provider.channel, &all(&store).await?));
        let text = || format!("{}{}", read::list(&[provider]), remarks.join("\n"));
        output.render(text, json)
    }
}

const fn takes(provider: &Provider) -> bool {
    provider.active && provider.weight > 0
}

fn still_with_it(name: &str, n: Option<i64>) -> String {
    match n {
        Some(0) => {
            format!("{name} gets no new messages, and has none that it has not reported on.")
        }
        Some(n) => format!(
            "{name} gets no new messages; of {n} of the last day it has not reported the end yet."
        ),
        None => format!(
            "{name} gets no new messages; how many it still has could not be counted in time."
        ),
    }
}
