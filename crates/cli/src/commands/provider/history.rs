//! `carillon provider history`.

use anyhow::Context;
use carillon_store::provider::{self, Change};
use clap::Args;
use serde_json::{Map, Value, json};

use super::OfProvider;
use crate::cx::Cx;
use crate::format::Output;
use crate::table::{Column, or_dash, shown, table};

#[derive(Args)]
pub(crate) struct History {
    #[command(flatten)]
    of: OfProvider,
    /// At most so many changes, the latest first
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    limit: i64,
    #[command(flatten)]
    output: Output,
}

impl History {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self { of, limit, output } = self;
        let changes = provider::history(&cx.store()?, &of.name, limit)
            .await
            .with_context(|| of.what())?;
        output.render(|| list(&changes), json!({ "changes": &changes }))
    }
}

fn list(changes: &[Change]) -> String {
    let columns = [
        Column::Left("AT"),
        Column::Left("BY"),
        Column::Left("WHAT"),
        Column::Left("WHY"),
    ];
    let rows: Vec<_> = changes
        .iter()
        .map(|change| {
            [
                change.at.format("%Y-%m-%d %H:%M:%SZ").to_string(),
                shown(&change.actor),
                shown(&what(change.before.as_ref(), change.after.as_ref())),
                or_dash(change.reason.as_deref().map(shown)),
            ]
        })
        .collect();
    table(columns, &rows)
}

/// The fields that differ, each as it was and is.
fn what(before: Option<&Value>, after: Option<&Value>) -> String {
    let (Some(before), Some(after)) = (before, after) else {
        let is_removal = after.is_none();
        return if is_removal { "removed" } else { "added" }.to_owned();
    };
    let fields = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let (before, after) = (fields(before), fields(after));
    let mut changed = Vec::new();
    differences("", &before, &after, &mut changed);
    if changed.is_empty() {
        return "nothing".to_owned();
    }
    changed.join(", ")
}

fn differences(
    prefix: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    changed: &mut Vec<String>,
) {
    let added = after.keys().filter(|name| !before.contains_key(*name));
    for name in before.keys().chain(added) {
        let pair = (before.get(name), after.get(name));
        let path = format!("{prefix}{name}");
        match pair {
            (one, other) if one == other => {}
            _ if path == "updated_at" => {}
            (Some(Value::Object(one)), Some(Value::Object(other))) => {
                differences(&format!("{path}."), one, other, changed);
            }
            (one, other) => changed.push(format!("{path} {} → {}", brief(one), brief(other))),
        }
    }
}

/// A value in a few words: a certificate has many.
fn brief(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "none".to_owned(),
        Some(Value::String(text)) if text.contains('\n') => "…".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_told() {
        let before = json!({
            "weight": 50, "active": true, "updated_at": "a",
            "settings": {"host": "h", "ca_pem": "1\n2", "port": 25},
        });
        let after = json!({
            "weight": 40, "active": true, "updated_at": "b", "credentials": "new",
            "settings": {"host": "h", "ca_pem": "1\n3"},
        });
        let text = what(Some(&before), Some(&after));
        let mut parts: Vec<_> = text.split(", ").collect();
        parts.sort_unstable();
        let expected = [
            "credentials none → new",
            "settings.ca_pem … → …",
            "settings.port 25 → none",
            "weight 50 → 40",
        ];
        assert_eq!(parts, expected);
        assert_eq!(what(None, Some(&after)), "added");
        assert_eq!(what(Some(&before), None), "removed");
        assert_eq!(what(Some(&before), Some(&before)), "nothing");
    }
}
