//! A running sandbox and the verbs of its tests.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use actix_web::rt;
use carillon_core::attempt::Outcome;
use carillon_core::id::NotificationId;
use carillon_providers::http::{Target, client};
use carillon_providers::outgoing::{Content, OutgoingMessage};
use carillon_providers::provider::Provider;
use carillon_providers::sandbox::Sandbox as Client;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::inbox::Inbox;
use crate::control::Controls;
use crate::memory::Stats;
use crate::receipts::{Callback, deliver};
use crate::sandbox::Sandbox;
use crate::server;

pub const KEY: &[u8] = b"the key of these tests";

pub struct Stage {
    pub url: String,
    pub sandbox: Arc<Sandbox>,
    pub inbox: Inbox,
    folder: TempDir,
    stop: CancellationToken,
}

impl Stage {
    pub fn new() -> Self {
        Self::answering(&[])
    }

    /// Whose receiver answers the first receipts with `statuses`.
    pub fn answering(statuses: &[u16]) -> Self {
        Self::start(tempfile::tempdir().unwrap(), Inbox::open(statuses))
    }

    /// Another sandbox that finds this one's log as it is now: what a kill would leave behind.
    pub fn restarted_from(other: &Self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(other.log_file(), log_file(folder.path())).unwrap();
        Self::start(folder, Inbox::open(&[]))
    }

    fn start(folder: TempDir, inbox: Inbox) -> Self {
        let controls = Controls {
            throttle_per_second: 0,
            receipt_delay_ms: 0,
            fail_all: false,
            hold_receipts: false,
        };
        let (sandbox, arrivals) = Sandbox::open(&log_file(folder.path()), controls).unwrap();
        let sandbox = Arc::new(sandbox);
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        rt::spawn(server::serve(listener, sandbox.clone(), stop.clone()).unwrap());
        let callback = Callback::new(&inbox.url, KEY).unwrap();
        let (for_delivery, stopped) = (sandbox.clone(), stop.clone());
        rt::spawn(async move { deliver(&for_delivery, &callback, arrivals, stopped).await });
        Self {
            url,
            sandbox,
            inbox,
            folder,
            stop,
        }
    }

    pub fn log_file(&self) -> PathBuf {
        log_file(self.folder.path())
    }

    /// One call for a message.
    pub async fn send(&self, id: NotificationId, recipient: &str) -> Outcome {
        self.send_within(Duration::from_secs(20), id, recipient)
            .await
    }

    pub async fn send_within(
        &self,
        timeout: Duration,
        id: NotificationId,
        recipient: &str,
    ) -> Outcome {
        let message = message(id, recipient);
        Client::new(&self.url, timeout)
            .unwrap()
            .send(&message)
            .await
    }

    /// One call for a trial, which is accepted.
    pub async fn try_out(&self, recipient: &str) {
        let mut message = message(NotificationId::mint(), recipient);
        message.is_trial = true;
        let client = Client::new(&self.url, Duration::from_secs(20)).unwrap();
        let outcome = client.send(&message).await;
        assert_eq!(outcome.name(), "accepted", "{outcome:?}");
    }

    /// One call for a new message, which is accepted: its id and reference.
    pub async fn accept(&self, recipient: &str) -> (NotificationId, String) {
        let id = NotificationId::mint();
        match self.send(id, recipient).await {
            Outcome::Accepted { reference } => (id, reference),
            outcome => panic!("{recipient}: {outcome:?}"),
        }
    }

    pub async fn get(&self, path: &str) -> Value {
        let client = client(Target::Neighbour, Duration::from_secs(5)).unwrap();
        let response = client
            .get(format!("{}{path}", self.url))
            .send()
            .await
            .unwrap();
        assert!(
            response.status().is_success(),
            "{path}: {}",
            response.status()
        );
        response.json().await.unwrap()
    }

    pub async fn change(&self, change: Value) -> Value {
        let client = client(Target::Neighbour, Duration::from_secs(5)).unwrap();
        let request = client.post(format!("{}/control", self.url)).json(&change);
        request.send().await.unwrap().json().await.unwrap()
    }

    /// PUTs, and checks the status of the answer.
    pub async fn put(&self, path: &str, body: Value, status: u16) {
        let client = client(Target::Neighbour, Duration::from_secs(5)).unwrap();
        let request = client.put(format!("{}{path}", self.url)).json(&body);
        let response = request.send().await.unwrap();
        assert_eq!(
            response.status(),
            status,
            "{}",
            response.text().await.unwrap()
        );
    }

    pub async fn delete_messages(&self) {
        let client = client(Target::Neighbour, Duration::from_secs(5)).unwrap();
        let response = client
            .delete(format!("{}/messages", self.url))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 204);
    }

    /// Waits until the counts pass.
    pub async fn until(&self, passes: impl Fn(Stats) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !passes(self.sandbox.stats()) {
            assert!(
                Instant::now() < deadline,
                "still {:?}",
                self.sandbox.stats()
            );
            sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn log_file(folder: &Path) -> PathBuf {
    folder.join("sandbox.log")
}

fn message(id: NotificationId, recipient: &str) -> OutgoingMessage {
    let content = if recipient.starts_with('+') {
        Content::Sms {
            sender: None,
            body: "Hello".into(),
        }
    } else {
        Content::Email {
            from_name: "Clinic".into(),
            from_address: "clinic@example.com".into(),
            reply_to: None,
            subject: "Subject".into(),
            text: "Hello".into(),
            html: String::new(),
        }
    };
    OutgoingMessage {
        id,
        attempt: 1,
        recipient: recipient.into(),
        content,
        unsubscribe_url: None,
        is_trial: false,
    }
}
