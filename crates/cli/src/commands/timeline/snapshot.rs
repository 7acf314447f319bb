//! What is known of a notification at one moment: the body of the management API's timeline.

use carillon_core::id::NotificationId;
use carillon_core::notification::Status;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::entry::Entry;

/// A notification's status and timeline, oldest entry first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub id: NotificationId,
    pub status: Status,
    /// The trace of the request that made it; none for what is older than traces.
    #[serde(default)]
    pub trace_id: Option<String>,
    pub events: Vec<Entry>,
}

impl Snapshot {
    /// All of it, for people.
    pub fn text(&self) -> String {
        let Some(began) = self.began() else {
            return format!("notification {}: {}, without events", self.id, self.status);
        };
        let mut lines = vec![format!(
            "notification {}: {}, since {}",
            self.id,
            self.status,
            began.format("%Y-%m-%d %H:%M:%S%.3fZ"),
        )];
        if let Some(trace_id) = &self.trace_id {
            lines.push(format!("trace {trace_id}"));
        }
        lines.extend(self.lines_from(0));
        lines.join("\n")
    }

    /// The lines of all entries but the first `n`.
    pub fn lines_from(&self, n: usize) -> impl Iterator<Item = String> {
        let began = self.began();
        let new = self.events.iter().skip(n);
        new.map(move |entry| entry.line(began.unwrap_or(entry.at)))
    }

    /// From the first entry to the last.
    pub fn lasted(&self) -> TimeDelta {
        match (self.events.first(), self.events.last()) {
            (Some(first), Some(last)) => last.at - first.at,
            _ => TimeDelta::zero(),
        }
    }

    fn began(&self) -> Option<DateTime<Utc>> {
        self.events.first().map(|entry| entry.at)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    fn entry(millis: i64, event: &str, reason: Option<&str>, detail: Value) -> Entry {
        Entry {
            at: DateTime::from_timestamp_millis(1_795_000_000_000 + millis).expect("a time"),
            event: event.to_owned(),
            reason: reason.map(str::to_owned),
            actor: match event {
                "accepted" => "api",
                "receipt" => "sandbox-email",
                _ => "worker",
            }
            .to_owned(),
            detail: Some(detail).filter(|detail| !detail.is_null()),
        }
    }

    #[test]
    fn a_timeline_is_read_line_by_line() {
        let snapshot = Snapshot {
            id: NotificationId(Uuid::from_u128(7)),
            status: Status::Delivered,
            trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
            events: vec![
                entry(0, "accepted", None, Value::Null),
                entry(
                    12,
                    "attempted",
                    Some("provider-failure"),
                    json!({ "attempt": 1, "provider": "sandbox-email", "outcome": "failed",
                            "detail": "two\nlines", "reference": null }),
                ),
                entry(
                    5_030,
                    "attempted",
                    None,
                    json!({ "attempt": 2, "provider": "sandbox-email", "outcome": "accepted" }),
                ),
                entry(
                    75_081,
                    "receipt",
                    Some("receipt-delivered"),
                    json!({ "kind": "delivered", "detail": null, "event_id": "e-1" }),
                ),
            ],
        };
        insta::assert_snapshot!(snapshot.text(), @r"
        notification 00000000-0000-0000-0000-000000000007: delivered, since 2026-11-18 11:06:40.000Z
        trace 4bf92f3577b34da6a3ce929d0e0e4736
          +0.000s  accepted   by api
          +0.012s  attempted  provider-failure: the provider did not take it; another try follows (provider sandbox-email, attempt 1, failed, two�lines, by worker)
          +5.030s  attempted  provider sandbox-email, attempt 2, accepted, by worker
         +75.081s  receipt    receipt-delivered: the provider reports that it arrived (by sandbox-email)
        ");
        assert_eq!(snapshot.lines_from(3).count(), 1);
        assert_eq!(snapshot.lasted(), TimeDelta::milliseconds(75_081));
    }

    #[test]
    fn a_timeline_without_events_says_so() {
        let snapshot = Snapshot {
            id: NotificationId(Uuid::from_u128(7)),
            status: Status::Created,
            trace_id: None,
            events: Vec::new(),
        };
        let line = snapshot.text();
        assert!(line.ends_with("created, without events"), "{line}");
    }
}
