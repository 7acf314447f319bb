//! `carillon timeline`.

use anyhow::{Context, anyhow};
use carillon_core::id::NotificationId;
use carillon_core::notification::Status;
use carillon_store::notification::{TimelineEntry, read_many, timeline};
use chrono::TimeDelta;
use clap::Args;
use serde_json::json;

use crate::cx::Cx;
use crate::format::Output;
use crate::parse;
use crate::table::{Column, or_dash, table};

const AFTER_HELP: &str = "\
Times are relative to the first event. docs/reasons.md explains every reason.

Example:
  carillon timeline 0198c6a2-5d3e-7b12-9f60-3c1a5e8d7f42";

/// Show what happened to a notification, and why
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Timeline {
    /// The notification's id
    #[arg(value_name = "ID", value_parser = parse::id::<NotificationId>)]
    id: NotificationId,
    #[command(flatten)]
    output: Output,
}

impl Timeline {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self { id, output } = self;
        let what = || format!("notification {id}");
        let store = cx.store()?;
        let row = read_many(&store, &[id])
            .await
            .with_context(what)?
            .pop()
            .ok_or_else(|| anyhow!("{}: does not exist, or is not saved yet", what()))?;
        let events = timeline(&store, id).await.with_context(what)?;
        let json = json!({ "id": id, "status": row.status, "events": &events });
        output.render(|| text(id, row.status, &events), json)
    }
}

fn text(id: NotificationId, status: Status, events: &[TimelineEntry]) -> String {
    let Some(first) = events.first() else {
        return format!("notification {id}: {status}, without events");
    };
    let began = first.at.format("%Y-%m-%d %H:%M:%S%.3fZ");
    let columns = [
        Column::Right("TIME"),
        Column::Left("EVENT"),
        Column::Left("REASON"),
        Column::Left("ACTOR"),
        Column::Left("DETAIL"),
    ];
    let rows: Vec<_> = events
        .iter()
        .map(|entry| {
            [
                seconds(entry.at - first.at),
                entry.event.clone(),
                or_dash(entry.reason.as_ref()),
                entry.actor.clone(),
                entry
                    .detail
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
            ]
        })
        .collect();
    format!(
        "notification {id}: {status}, since {began}\n{}",
        table(columns, &rows)
    )
}

/// `+0.012s`. Events are ordered by number, so a clock set back shows as a minus.
fn seconds(since: TimeDelta) -> String {
    let millis = since.num_milliseconds();
    let sign = if millis < 0 { '-' } else { '+' };
    let millis = millis.unsigned_abs();
    format!("{sign}{}.{:03}s", millis / 1000, millis % 1000)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::Value;
    use uuid::Uuid;

    use super::*;

    const ID: NotificationId = NotificationId(Uuid::from_u128(7));

    fn entry(millis: i64, event: &str, reason: Option<&str>, detail: Value) -> TimelineEntry {
        TimelineEntry {
            at: DateTime::from_timestamp_millis(1_795_000_000_000 + millis).expect("a time"),
            event: event.to_owned(),
            reason: reason.map(str::to_owned),
            actor: if event == "receipt" {
                "sandbox-email"
            } else {
                "worker"
            }
            .to_owned(),
            detail: Some(detail).filter(|detail| !detail.is_null()),
        }
    }

    #[test]
    fn a_timeline_is_a_table() {
        let events = [
            entry(0, "accepted", None, Value::Null),
            entry(
                12,
                "held",
                Some("provider-failure"),
                json!({ "attempt": 1, "wait_ms": 5000 }),
            ),
            entry(
                5_030,
                "attempted",
                None,
                json!({ "attempt": 2, "answer": "two\nlines" }),
            ),
            entry(75_081, "receipt", Some("receipt-delivered"), Value::Null),
        ];
        insta::assert_snapshot!(text(ID, Status::Delivered, &events), @r#"
        notification 00000000-0000-0000-0000-000000000007: delivered, since 2026-11-18 11:06:40.000Z
            TIME  EVENT      REASON             ACTOR          DETAIL
         +0.000s  accepted   -                  worker
         +0.012s  held       provider-failure   worker         {"attempt":1,"wait_ms":5000}
         +5.030s  attempted  -                  worker         {"answer":"two\nlines","attempt":2}
        +75.081s  receipt    receipt-delivered  sandbox-email
        "#);
    }

    #[test]
    fn a_clock_set_back_is_visible() {
        assert_eq!(seconds(TimeDelta::milliseconds(-1_002)), "-1.002s");
        assert_eq!(seconds(TimeDelta::microseconds(12_999)), "+0.012s");
    }

    #[test]
    fn a_timeline_without_events_says_so() {
        let line = text(ID, Status::Created, &[]);
        assert!(line.ends_with("created, without events"), "{line}");
    }
}
