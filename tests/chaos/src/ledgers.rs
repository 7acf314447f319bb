//! Reads the ledgers that were kept outside: the provider's, the receivers', and what the processes
//! have said.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use carillon_test_support::{Stack, WebhookReceiver};
use chrono::DateTime;
use serde_json::Value;

use crate::history::{Call, Leak, Ledger, Timeline, Told};

/// The calls in the sandbox's log.
///
/// # Errors
/// When it cannot be read.
pub fn provider_calls(log: &Path) -> anyhow::Result<Vec<Call>> {
    let text = std::fs::read_to_string(log).with_context(|| format!("{}", log.display()))?;
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).context("a line of the sandbox's log"));
    lines
        .filter_map(|line| match line {
            Ok(line) if line["type"] == "call" => Some(call(&line)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
        .collect()
}

fn call(line: &Value) -> anyhow::Result<Call> {
    let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let at = DateTime::parse_from_rfc3339(&text("at"))?;
    Ok(Call {
        id: text("id"),
        at: at.timestamp_micros() as f64 / 1e6,
        is_accepted: line["outcome"] == "accepted",
        fault: line["fault"].as_str().map(ToOwned::to_owned),
        text: format!("{} {} {}", text("recipient"), text("subject"), text("body")),
    })
}

/// The calls of the services' receiver.
#[must_use]
pub fn told(receiver: &WebhookReceiver) -> Vec<Told> {
    let calls = receiver.calls();
    let calls = calls.iter().map(|call| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Told {
            path: text(&call["path"]),
            webhook_id: text(&call["id"]),
            id: text(&call["body"]["id"]),
            status: text(&call["body"]["status"]),
            answered: call["status"].as_u64().unwrap_or(0) as u16,
            is_verified: call["verified"] == true,
            text: call["body"].to_string(),
        }
    });
    calls.collect()
}

/// A message's timeline, as an administrator reads it.
///
/// # Errors
/// When the API does not answer.
pub async fn timeline(stack: &Stack, id: &str) -> anyhow::Result<Timeline> {
    let path = format!("/api/notifications/{id}/timeline");
    let admin = stack.admin();
    let asked = stack.request(reqwest::Method::GET, &path, &admin, None);
    let (status, answer) = asked.await?;
    // A message that is not there has none; the checker finds it elsewhere.
    anyhow::ensure!(matches!(status, 200 | 404), "GET {path}: {status} {answer}");
    let events = answer["events"].as_array().map_or(&[][..], Vec::as_slice);
    let reasons = events.iter().filter_map(|event| event["reason"].as_str());
    Ok(Timeline {
        reasons: reasons.map(ToOwned::to_owned).collect(),
        text: answer.to_string(),
    })
}

/// How often the product's own ledger is read.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Reads the product's own ledger again and again; equal readings are noted once. Ends when it is
/// dropped.
pub async fn watch(stack: &Stack, readings: &mut Vec<Ledger>) {
    loop {
        // An API that was killed, or waits for PostgreSQL, shows nothing: never mind.
        if let Ok(reading) = ledger(stack).await
            && readings.last() != Some(&reading)
        {
            readings.push(reading);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A reading of the product's own ledger.
///
/// # Errors
/// When the API does not answer.
pub async fn ledger(stack: &Stack) -> anyhow::Result<Ledger> {
    let admin = stack.admin();
    let asked = stack.request(reqwest::Method::GET, "/api/ledger", &admin, None);
    let (status, answer) = asked.await?;
    anyhow::ensure!(status == 200, "GET /api/ledger: {status} {answer}");
    let totals = &answer["totals"];
    let number = |name: &str| totals[name].as_u64().unwrap_or(0);
    let numbers = |name: &str| {
        let all = totals[name].as_object().map(|of| of.values());
        all.into_iter()
            .flatten()
            .filter_map(Value::as_u64)
            .sum::<u64>()
    };
    Ok(Ledger {
        accepted: number("accepted"),
        uncounted: number("uncounted"),
        in_inbox: number("in_inbox"),
        quarantined: number("quarantined"),
        saved: number("saved"),
        terminal: numbers("terminal"),
        in_flight: numbers("waiting") + number("on_its_way") + number("with_provider"),
        missing: number("missing"),
        adrift: number("adrift"),
        adds_up: answer["adds_up"] == true,
    })
}

/// Words that must not be seen, and what to call them.
pub struct Forbidden(Vec<(String, String)>);

impl Forbidden {
    /// Of these words, each with its name.
    #[must_use]
    pub fn new(words: Vec<(String, String)>) -> Self {
        Self(words)
    }

    /// Which of them a text contains.
    pub fn search(&self, place: &str, text: &str) -> BTreeSet<Leak> {
        let found = self.0.iter().filter(|(word, _)| text.contains(word));
        found
            .map(|(_, what)| Leak {
                what: what.clone(),
                place: place.to_owned(),
            })
            .collect()
    }

    /// Searches every file of a folder.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn search_folder(&self, folder: &Path) -> anyhow::Result<BTreeSet<Leak>> {
        let mut leaks = BTreeSet::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let bytes = std::fs::read(&path)?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            leaks.extend(self.search(&name, &String::from_utf8_lossy(&bytes)));
        }
        Ok(leaks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbidden_word_is_found_by_its_name_and_place() {
        let forbidden = Forbidden::new(vec![
            ("+44770".to_owned(), "a number".to_owned()),
            ("secret".to_owned(), "a key".to_owned()),
        ]);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("good.log"), "nothing").unwrap();
        std::fs::write(folder.path().join("bad.log"), "to +447700900001").unwrap();
        let leaks = forbidden.search_folder(folder.path()).unwrap();
        let leak = Leak {
            what: "a number".to_owned(),
            place: "bad.log".to_owned(),
        };
        assert_eq!(leaks, BTreeSet::from([leak]));
    }

    #[test]
    fn the_sandbox_s_log_is_read_with_its_faults() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        std::fs::write(
            &log,
            concat!(
                r#"{"type":"call","id":"i","attempt":1,"recipient":"r","channel":"email","outcome":"accepted","reference":null,"subject":"s","body":"b","fault":"reset-after-accept","at":"2026-01-01T00:00:01.5Z"}"#,
                "\n",
                r#"{"type":"receipted","id":"i","event_id":"e"}"#,
                "\n"
            ),
        )
        .unwrap();
        let calls = provider_calls(&log).unwrap();
        assert_eq!(calls.len(), 1);
        assert_eq!(calls[0].at, 1_767_225_601.5);
        assert_eq!(calls[0].fault.as_deref(), Some("reset-after-accept"));
        assert_eq!(
            (calls[0].is_accepted, calls[0].text.as_str()),
            (true, "r s b")
        );
    }
}
