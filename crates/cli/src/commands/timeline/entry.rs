//! One entry of a timeline, and the line that shows it.

use carillon_store::notification::TimelineEntry;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::words;
use crate::table::shown;

/// One entry, from the database or from the API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub at: DateTime<Utc>,
    pub event: String,
    pub reason: Option<String>,
    pub actor: String,
    pub detail: Option<Value>,
}

impl From<TimelineEntry> for Entry {
    fn from(entry: TimelineEntry) -> Self {
        Self {
            at: entry.at,
            event: entry.event,
            reason: entry.reason,
            actor: entry.actor,
            detail: entry.detail,
        }
    }
}

/// What people look for, in this order; other facts follow.
const FIRST: [&str; 5] = ["provider", "attempt", "outcome", "detail", "reference"];
/// What says again what the reason says, or is of use to programs only.
const LEFT_OUT: [&str; 2] = ["kind", "event_id"];

impl Entry {
    /// The entry as one line: when, what, why, the facts, and who noted it.
    pub fn line(&self, began: DateTime<Utc>) -> String {
        let mut facts = match &self.detail {
            Some(Value::Object(detail)) => facts(detail),
            Some(other) => vec![other.to_string()],
            None => Vec::new(),
        };
        facts.push(format!("by {}", self.actor));
        let facts = facts.join(", ");
        let why = match self.reason.as_deref().map(words::of_reason) {
            Some(reason) => format!("{reason} ({facts})"),
            None => facts,
        };
        let (time, event) = (seconds(self.at - began), &self.event);
        shown(&format!("{time:>9}  {event:<9}  {why}"))
    }
}

fn facts(detail: &Map<String, Value>) -> Vec<String> {
    let rest = detail.keys().map(String::as_str);
    let rest = rest.filter(|name| !FIRST.contains(name) && !LEFT_OUT.contains(name));
    FIRST
        .into_iter()
        .chain(rest)
        .filter_map(|name| {
            let value = match detail.get(name)? {
                Value::Null => return None,
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            // The provider's words need no name.
            Some(match name {
                "detail" | "outcome" => value,
                _ => format!("{} {value}", name.replace('_', " ")),
            })
        })
        .collect()
}

/// `+0.012s`. Events are ordered by number, so a clock set back shows as a minus.
pub(crate) fn seconds(since: TimeDelta) -> String {
    let millis = since.num_milliseconds();
    let sign = if millis < 0 { '-' } else { '+' };
    let millis = millis.unsigned_abs();
    format!("{sign}{}.{:03}s", millis / 1000, millis % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_is_visible() {
        assert_eq!(seconds(TimeDelta::milliseconds(-1_002)), "-1.002s");
        assert_eq!(seconds(TimeDelta::microseconds(12_999)), "+0.012s");
    }
}
