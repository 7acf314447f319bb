//! A service's endpoint for callbacks: `tests/stand-ins/webhook_receiver.py`.

use std::ffi::OsString;
use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpStream;

use crate::{Environment, Process, eventually, free_port};

/// Longer than Python needs to start on a busy machine.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// The calls' file.
const LOG: &str = "calls.jsonl";

/// The secrets' file.
const SECRETS: &str = "secrets";

/// A receiver of its own. Killed when dropped.
///
/// The first part of the path says how it behaves: `ok`, `fail-N` (500 to the first N calls with
/// the same `webhook-id`), `fail-one-in-N` (500 to the first call with one in N of them),
/// `status-CODE`, `gone` (410), `hang` (answers after 30 s), `slow-MS`, `retry-after-S` (429 to the
/// first call with a `webhook-id`) and `redirect` (to `/ok`). Whatever follows is free.
#[derive(Debug)]
pub struct WebhookReceiver {
    port: u16,
    process: Process,
    trusted: Mutex<Vec<String>>,
    /// Holds the log and the secrets.
    directory: tempfile::TempDir,
}

impl WebhookReceiver {
    /// Starts a receiver that knows these secrets (`whsec_…`), and waits until it listens.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(secrets: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a directory for a log can be made");
        let port = free_port();
        let script = Environment::get().stand_ins().join("webhook_receiver.py");
        let arguments: [OsString; 7] = [
            script.into(),
            "--port".into(),
            port.to_string().into(),
            "--log".into(),
            directory.path().join(LOG).into(),
            "--secrets-file".into(),
            directory.path().join(SECRETS).into(),
        ];
        let mut process = Process::start_python("webhook-receiver", arguments);
        eventually("the webhook receiver listens", STARTS_WITHIN, async || {
            assert!(process.is_running(), "the webhook receiver has ended");
            TcpStream::connect(("127.0.0.1", port)).await.ok()
        })
        .await;
        let receiver = Self {
            port,
            process,
            trusted: Mutex::default(),
            directory,
        };
        for secret in secrets {
            receiver.trust(secret);
        }
        receiver
    }

    /// Lets it verify calls by one more secret, from the next call on.
    ///
    /// # Panics
    /// When the secrets cannot be written.
    pub fn trust(&self, secret: &str) {
        let mut trusted = self.trusted.lock().unwrap_or_else(PoisonError::into_inner);
        trusted.push(secret.to_owned());
        // Renamed, so that it never reads half a secret.
        let new = self.directory.path().join("secrets.new");
        fs::write(&new, trusted.join("\n")).expect("a file can be written in a fresh directory");
        fs::rename(&new, self.directory.path().join(SECRETS)).expect("a file can be renamed");
    }

    /// The URL of a path, which begins with `/`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Every call it has read, in order: `path`, `id`, `timestamp`, `signature`, `headers`, `body`
    /// (parsed, when it is JSON), `verified`, `verified_by` (which secrets, counted from 0 as they
    /// were trusted), `error` (why it is not verified), `nth` (of this id at this path), `status`
    /// (what it answers), `connection` and `at` (seconds of the epoch).
    ///
    /// # Panics
    /// When the log cannot be read.
    #[must_use]
    pub fn calls(&self) -> Vec<Value> {
        let log = fs::read_to_string(self.directory.path().join(LOG))
            .expect("the log is made before the server listens");
        // A line that is still being written has no end yet.
        let whole = log.rsplit_once('\n').map_or("", |(lines, _)| lines);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).expect("each line of the log is JSON"))
            .collect()
    }

    /// Stops it at once, with every connection.
    pub fn kill(&mut self) {
        self.process.kill();
    }
}
