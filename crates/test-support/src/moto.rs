//! A stand-in for AWS: moto, as a server of its own.

use std::time::Duration;

use anyhow::ensure;
use reqwest::{Client, Method};
use serde_json::Value;

use crate::{Process, eventually, free_port};

/// Loading moto's code takes seconds on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(60);

const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// A running moto, which answers as AWS does at one endpoint for all services and keeps what it was
/// sent. It checks no signatures and sends no receipts.
#[derive(Debug)]
pub struct Moto {
    url: String,
    client: Client,
    /// Runs as long as this lives.
    _process: Process,
}

impl Moto {
    /// Starts one and waits until it answers.
    ///
    /// # Panics
    /// When it does not.
    pub async fn start() -> Self {
        let port = free_port();
        let mut process = Process::start_python(
            "moto",
            ["-m", "moto.server", "-H", "127.0.0.1", "-p"]
                .map(ToOwned::to_owned)
                .into_iter()
                .chain([port.to_string()]),
        );
        let client = Client::builder()
            .no_proxy()
            .timeout(ANSWERS_WITHIN)
            .tls_certs_only([])
            .build()
            .expect("a client without TLS can be built");
        let url = format!("http://127.0.0.1:{port}");
        let data = format!("{url}/moto-api/data.json");
        eventually("moto answers", READY_WITHIN, async || {
            assert!(process.is_running(), "moto ended before it answered");
            let answer = client.get(&data).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
        Self {
            url,
            client,
            _process: process,
        }
    }

    /// The endpoint of every service: what `AWS_ENDPOINT_URL` is set to.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Everything it keeps, by service and kind. E-mail of either version of SES is under `ses`.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn data(&self) -> Value {
        let data = self.ask(Method::GET, "/moto-api/data.json").await;
        data.unwrap_or_else(|error| panic!("moto's data: {error:?}"))
    }

    /// Forgets everything.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn reset(&self) {
        let done = self.ask(Method::POST, "/moto-api/reset").await;
        done.unwrap_or_else(|error| panic!("moto's reset: {error:?}"));
    }

    async fn ask(&self, method: Method, path: &str) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.url);
        let answer = self.client.request(method, url).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{status} {text}");
        Ok(serde_json::from_str(&text)?)
    }
}
