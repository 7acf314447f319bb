//! `carillon callback list` and `show`.

use anyhow::Context;
use carillon_store::callback::management::{self, Callback, Health};
use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::json;

use super::OfCallback;
use crate::commands::service::OfService;
use crate::cx::Cx;
use crate::format::Output;
use crate::table::{Column, or_dash, shown, table};

#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    of: OfService,
    #[command(flatten)]
    output: Output,
}

impl List {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let store = cx.store()?;
        // Without the service there would be an empty list, as if it had no callbacks.
        self.of.read(&store).await?;
        let callbacks = management::list(&store, self.of.service_id)
            .await
            .with_context(|| self.of.what())?;
        let json = json!({ "callbacks": &callbacks });
        self.output.render(|| list(&callbacks), json)
    }
}

fn list(callbacks: &[Callback]) -> String {
    let columns = [
        Column::Left("ID"),
        Column::Left("KIND"),
        Column::Left("STATE"),
        Column::Left("URL"),
    ];
    let rows: Vec<_> = callbacks
        .iter()
        .map(|callback| {
            [
                callback.id.to_string(),
                callback.kind.to_string(),
                state(callback).to_owned(),
                callback.url.clone(),
            ]
        })
        .collect();
    table(columns, &rows)
}

/// Whether it is called, in one word.
fn state(callback: &Callback) -> &str {
    match &callback.disabled_reason {
        Some(reason) => reason,
        None if callback.n_failures > 0 => "failing",
        None => "active",
    }
}

#[derive(Args)]
pub(crate) struct Show {
    #[command(flatten)]
    of: OfCallback,
    #[command(flatten)]
    output: Output,
}

impl Show {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self { of, output } = self;
        let store = cx.store()?;
        let callback = of.read(&store).await?;
        let health = management::health(&store, callback.id)
            .await
            .with_context(|| of.what())?;
        let mut json = json!(callback);
        json["health"] = json!(health);
        output.render(|| show(&callback, Some(&health)), json)
    }
}

pub(super) fn show(callback: &Callback, health: Option<&Health>) -> String {
    let mut facts = vec![
        ("id", callback.id.to_string()),
        ("kind", callback.kind.to_string()),
        ("url", callback.url.clone()),
        ("state", state(callback).to_owned()),
        ("failures", format!("{} in a row", callback.n_failures)),
        ("paused until", or_dash(callback.paused_until.map(time))),
        ("registered", time(callback.created_at)),
        ("changed", time(callback.updated_at)),
    ];
    if let Some(health) = health {
        let since = or_dash(health.oldest_due_at.map(time));
        facts.push((
            "waiting",
            format!("{} events, the first due {since}", health.n_waiting),
        ));
        facts.push(("on their way", format!("{} events", health.n_on_their_way)));
    }
    facts
        .iter()
        .map(|(label, value)| format!("{label:<13} {}\n", shown(value)))
        .collect()
}

pub(super) fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%SZ").to_string()
}
