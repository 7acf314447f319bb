//! `carillon callback replay`.

use anyhow::{Context, anyhow};
use carillon_core::id::CallbackEventId;
use carillon_store::callback::management::{self, Which};
use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::json;

use super::OfCallback;
use crate::cx::Cx;
use crate::format::Output;
use crate::parse;

/// Which events: either those named, or those since a time.
#[derive(Args)]
#[group(id = "replayed", required = true, multiple = false, args = ["events", "since"])]
pub(crate) struct Replay {
    #[command(flatten)]
    of: OfCallback,
    /// This event; may be repeated
    #[arg(long = "event", value_name = "EVENT_ID", value_parser = parse::id::<CallbackEventId>)]
    events: Vec<CallbackEventId>,
    /// Those of changes since this time, such as 2026-01-31T08:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<DateTime<Utc>>,
    /// Only those that were not delivered
    #[arg(long, requires = "since")]
    only_failed: bool,
    #[command(flatten)]
    output: Output,
}

impl Replay {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self {
            of,
            events,
            since,
            only_failed,
            output,
        } = self;
        let store = cx.store()?;
        let callback = of.read(&store).await?;
        if !callback.active {
            return Err(anyhow!(
                "{}: is switched off; `carillon callback update` with --active true first",
                of.what()
            ));
        }
        let which = since.map_or(Which::Events(events), |at| Which::Since { at, only_failed });
        let n_replayed = management::replay(&store, callback.service_id, callback.id, &which)
            .await
            .with_context(|| of.what())?;
        let text = || format!("{n_replayed} events are told again");
        output.render(text, json!({ "replayed": n_replayed }))
    }
}
