//! The client's log: an attempt is on the disk before it is made. While one write is synced the
//! next gathers, so concurrent attempts share it.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc;

use anyhow::Context;
use serde_json::json;
use tokio::sync::oneshot;

use crate::clock;
use crate::history::Outcome;

pub(super) struct WriteAhead {
    lines: mpsc::Sender<Line>,
}

struct Line {
    text: String,
    synced: Option<oneshot::Sender<()>>,
}

impl WriteAhead {
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("making {}", path.display()))?;
        let (lines, arriving) = mpsc::channel();
        std::thread::Builder::new()
            .name("write-ahead".to_owned())
            .spawn(move || write(file, &arriving))
            .context("starting a thread")?;
        Ok(Self { lines })
    }

    /// Returns when the attempt is on the disk.
    pub async fn begin(&self, reference: &str, key: Option<&str>) -> anyhow::Result<()> {
        let (synced, done) = oneshot::channel();
        let text = json!({ "at": clock::now(), "attempt": reference, "key": key }).to_string();
        let synced = Some(synced);
        // A writer that is gone drops `synced`, which is what is noticed.
        let _ = self.lines.send(Line { text, synced });
        done.await.context("the client's log cannot be written")
    }

    pub fn end(&self, reference: &str, outcome: &Outcome) {
        let (what, detail) = match outcome {
            Outcome::Accepted { id, .. } => ("accepted", id.clone().unwrap_or_default()),
            Outcome::Refused { status, .. } => ("refused", status.to_string()),
            Outcome::Busy => ("busy", String::new()),
            Outcome::Limited => ("limited", String::new()),
            Outcome::NotSent => ("not-sent", String::new()),
            Outcome::Unknown { what } => ("unknown", what.clone()),
        };
        let line = json!({ "at": clock::now(), "result": reference, what: detail });
        let _ = self.lines.send(Line {
            text: line.to_string(),
            synced: None,
        });
    }
}

/// Ends with its senders, or when the disk refuses.
fn write(mut file: File, arriving: &mpsc::Receiver<Line>) {
    while let Ok(first) = arriving.recv() {
        let lines: Vec<Line> = std::iter::once(first).chain(arriving.try_iter()).collect();
        let text: String = lines
            .iter()
            .map(|line| format!("{}\n", line.text))
            .collect();
        let is_awaited = lines.iter().any(|line| line.synced.is_some());
        let written = file.write_all(text.as_bytes());
        if written.is_err() || (is_awaited && file.sync_data().is_err()) {
            return;
        }
        for synced in lines.into_iter().filter_map(|line| line.synced) {
            // Who gave up waiting does not need to know.
            let _ = synced.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_attempt_is_in_the_file_when_it_may_be_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("client.jsonl");
        let log = WriteAhead::create(&path).unwrap();
        for n in 0..20 {
            let reference = format!("m{n}");
            log.begin(&reference, None).await.unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            let last = text.lines().last().unwrap();
            let line: serde_json::Value = serde_json::from_str(last).unwrap();
            assert_eq!(line["attempt"], reference.as_str());
        }
    }
}
