//! The HTTP API, as any client of it sees it.

mod answer;
mod credentials;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use carillon_providers::http::{self, Target};
use clap::Args;
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::fs::File;

use crate::cx::Cx;

pub(crate) use credentials::{Credentials, KeyFile};

/// `--url`
#[derive(Args)]
pub(crate) struct ApiUrl {
    /// Where the API is; where the settings say that it listens if left out
    #[arg(long, value_name = "URL", env = "CARILLON_URL")]
    url: Option<String>,
}

/// A way to the API, with the credentials that every request bears. Clones share connections.
#[derive(Clone)]
pub(crate) struct Api {
    base: String,
    credentials: Credentials,
    /// A closure, because the client's type is a matter of `carillon-providers` alone.
    call: Arc<dyn Fn(Call) -> Answering + Send + Sync>,
}

struct Call {
    url: String,
    credentials: Credentials,
    body: Sent,
}

/// What goes to the API.
enum Sent {
    /// Nothing: a GET.
    Nothing,
    /// A POST of JSON.
    Json(Vec<u8>),
    /// A POST of a file, which is read as it is sent.
    File(Upload),
}

/// A file that is to be sent.
pub(crate) struct Upload {
    pub file: File,
    pub content_type: String,
}

/// What the API says to a request that it took or refused.
pub(crate) struct Answer {
    status: u16,
    /// Null if it was not JSON.
    pub body: Value,
}

impl Answer {
    /// Everything the API says against the request; `None` if it took it.
    pub fn refusal(&self) -> Option<Vec<String>> {
        (!(200..300).contains(&self.status)).then(|| answer::messages(&self.body))
    }
}

type Answering = Pin<Box<dyn Future<Output = anyhow::Result<(u16, Vec<u8>)>> + Send>>;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// The API's own deadlines are shorter.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);
/// A large file over a slow line.
const UPLOADS_WITHIN: Duration = Duration::from_secs(30 * 60);

impl ApiUrl {
    /// The way to the API; nothing is sent yet.
    pub fn open(&self, cx: &Cx, credentials: Credentials) -> anyhow::Result<Api> {
        let base = match &self.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => cx.settings()?.api.public_url(),
        };
        let target = if base.starts_with("https://") {
            Target::Internet
        } else {
            Target::Neighbour
        };
        let client = http::client(target, CONNECT_WITHIN).context("cannot set up HTTP")?;
        let call = move |call: Call| -> Answering {
            let (request, patience) = match call.body {
                Sent::Nothing => (client.get(&call.url), ANSWERS_WITHIN),
                Sent::Json(body) => {
                    let post = client.post(&call.url);
                    let post = post.header("Content-Type", "application/json");
                    (post.body(body), ANSWERS_WITHIN)
                }
                Sent::File(Upload { file, content_type }) => {
                    let post = client.post(&call.url);
                    let post = post.header("Content-Type", content_type);
                    (post.body(file), UPLOADS_WITHIN)
                }
            };
            let request = request
                .header("Authorization", call.credentials.header().expose_secret())
                .timeout(patience);
            Box::pin(async move {
                let answer = request.send().await?;
                Ok((answer.status().as_u16(), answer.bytes().await?.to_vec()))
            })
        };
        Ok(Api {
            base,
            credentials,
            call: Arc::new(call),
        })
    }
}

impl Api {
    /// POSTs and returns the body of the answer; an error names everything the API says.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let body = serde_json::to_vec(body)?;
        let (status, answer) = self.ask(path, Sent::Json(body)).await?;
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        Err(self.refused("POST", path, status, &answer))
    }

    /// POSTs a file without reading it into memory.
    pub async fn upload(&self, path: &str, upload: Upload) -> anyhow::Result<Answer> {
        let (status, body) = self.ask(path, Sent::File(upload)).await?;
        Ok(Answer { status, body })
    }

    /// GETs; `None` when there is nothing.
    pub async fn get(&self, path: &str) -> anyhow::Result<Option<Value>> {
        match self.ask(path, Sent::Nothing).await? {
            (200..300, answer) => Ok(Some(answer)),
            (404, _) => Ok(None),
            (status, answer) => Err(self.refused("GET", path, status, &answer)),
        }
    }

    async fn ask(&self, path: &str, body: Sent) -> anyhow::Result<(u16, Value)> {
        let url = format!("{}{path}", self.base);
        let call = Call {
            url: url.clone(),
            credentials: self.credentials.clone(),
            body,
        };
        let (status, bytes) = (self.call)(call)
            .await
            .with_context(|| format!("cannot ask {url}"))?;
        // What is not JSON is not from Carillon; its status is all there is to say.
        Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
    }

    fn refused(&self, verb: &str, path: &str, status: u16, answer: &Value) -> anyhow::Error {
        let messages = answer::messages(answer).join("; ");
        anyhow!("{verb} {}{path}: {status} {messages}", self.base)
    }
}
