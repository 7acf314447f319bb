//! Carrying a change of a provider out, and what is said of it.

use anyhow::Context;
use carillon_core::provider::changes::Changes;
use carillon_core::provider::share::Share;
use carillon_store::Store;
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
    pub of: OfProvider,
    #[command(flatten)]
    pub why: Why,
    #[command(flatten)]
    pub output: Output,
}

impl Change {
    /// Changes the provider whatever it is.
    pub async fn make(self, cx: &Cx, changes: Changes, force: bool) -> anyhow::Result<String> {
        let store = cx.store()?;
        let before = self.of.read(&store).await?;
        self.carry_out(cx, &store, &before, changes, force).await
    }

    /// Changes the provider, unless it has changed since it was read.
    pub async fn carry_out(
        self,
        cx: &Cx,
        store: &Store,
        before: &Provider,
        changes: Changes,
        force: bool,
    ) -> anyhow::Result<String> {
        let Self { of, why, output } = self;
        let after = changes.apply(before.current()).map_err(refused)?;
        let mut remarks = Vec::new();
        if after.must_connect(before.current()) {
            working::must_connect(cx, &after.spec(before.current())).await?;
            remarks.extend(working::remark(&before.name, &after.settings));
        }
        let provider = provider::update(store, before, &after, why.by(), force)
            .await
            .map_err(or_force)
            .with_context(|| of.what())?;
        let mut json = provider.to_json();
        if Share::from(before).takes() && !Share::from(&provider).takes() {
            let n_with_it = provider::n_with_it(store, &provider.name).await.ok();
            json["n_with_it"] = json!(n_with_it);
            remarks.push(still_with_it(&provider.name, n_with_it));
        }
        remarks.extend(shares::remarks(provider.channel, &all(store).await?));
        let text = || format!("{}{}", read::list(&[provider]), remarks.join("\n"));
        output.render(text, json)
    }
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
