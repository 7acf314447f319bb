//! `carillon callback events` and `attempts`.

use anyhow::Context;
use carillon_core::id::CallbackEventId;
use carillon_store::callback::management::{self, Attempt, Event, Progress};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;

use super::OfCallback;
use super::read::time;
use crate::cx::Cx;
use crate::format::Output;
use crate::parse;
use crate::table::{Column, or_dash, table};

#[derive(Args)]
pub(crate) struct Events {
    #[command(flatten)]
    of: OfCallback,
    /// Only those that ended so, are pending, or failed in whatever way
    #[arg(long, value_parser = progress())]
    outcome: Option<Progress>,
    /// Only those older than this event
    #[arg(long, value_name = "EVENT_ID", value_parser = parse::id::<CallbackEventId>)]
    before: Option<CallbackEventId>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    limit: i64,
    #[command(flatten)]
    output: Output,
}

fn progress() -> impl TypedValueParser<Value = Progress> {
    PossibleValuesParser::new([
        "pending",
        "failed",
        "delivered",
        "refused",
        "exhausted",
        "disabled",
    ])
    .try_map(|text| text.parse::<Progress>())
}

impl Events {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self {
            of,
            outcome,
            before,
            limit,
            output,
        } = self;
        let store = cx.store()?;
        // Without the callback there would be an empty list, as if it had been told nothing.
        let callback = of.read(&store).await?;
        let progress = outcome.unwrap_or_default();
        let (service_id, id) = (callback.service_id, callback.id);
        let events = management::events(&store, service_id, id, progress, before, limit)
            .await
            .with_context(|| of.what())?;
        output.render(|| list(&events), json!({ "events": &events }))
    }
}

fn list(events: &[Event]) -> String {
    let columns = [
        Column::Left("ID"),
        Column::Left("CHANGED"),
        Column::Left("STATUS"),
        Column::Left("OUTCOME"),
        Column::Right("ATTEMPTS"),
        Column::Left("LAST ANSWER"),
        Column::Left("NEXT"),
    ];
    let rows: Vec<_> = events
        .iter()
        .map(|event| {
            [
                event.id.to_string(),
                time(event.occurred_at),
                event.status.to_string(),
                event
                    .outcome
                    .map_or_else(|| "pending".to_owned(), |outcome| outcome.to_string()),
                event.attempts.to_string(),
                answer(event.last_http_status, event.last_error.as_deref()),
                or_dash(event.due_at.map(time)),
            ]
        })
        .collect();
    table(columns, &rows)
}

fn answer(http_status: Option<i32>, error: Option<&str>) -> String {
    or_dash(
        http_status
            .map(|code| code.to_string())
            .or_else(|| error.map(str::to_owned)),
    )
}

#[derive(Args)]
pub(crate) struct Attempts {
    /// The event's id, as shown by `carillon callback events`; it is the call's webhook-id
    #[arg(value_name = "EVENT_ID", value_parser = parse::id::<CallbackEventId>)]
    event_id: CallbackEventId,
    #[command(flatten)]
    output: Output,
}

impl Attempts {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self { event_id, output } = self;
        let what = || format!("event {event_id}");
        let store = cx.store()?;
        let event = management::event(&store, event_id)
            .await
            .with_context(what)?;
        let attempts = management::attempts(&store, event_id)
            .await
            .with_context(what)?;
        let json = json!({ "event": &event, "attempts": &attempts });
        output.render(|| calls(&attempts), json)
    }
}

fn calls(attempts: &[Attempt]) -> String {
    let columns = [
        Column::Right("ATTEMPT"),
        Column::Left("AT"),
        Column::Left("ANSWER"),
        Column::Right("MS"),
    ];
    let rows: Vec<_> = attempts
        .iter()
        .map(|attempt| {
            [
                attempt.attempt.to_string(),
                time(attempt.at),
                answer(attempt.http_status, attempt.error.as_deref()),
                attempt.duration_ms.to_string(),
            ]
        })
        .collect();
    table(columns, &rows)
}
