//! The sandbox provider's client: one POST per message, every answer mapped to an outcome.

mod answer;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::time::Duration;

use carillon_core::attempt::Outcome;
use carillon_core::channel::Channel;
use carillon_core::id::NotificationId;
use futures::FutureExt;
use futures::future::BoxFuture;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Url};
use serde::{Deserialize, Serialize};

use crate::http::{self, Target};
use crate::outgoing::{Content, OutgoingMessage};
use crate::provider::{Provider, SetupError, Unreachable};

/// The name of the one that test keys' messages go to, and of all in receipts.
pub const NAME: &str = "sandbox";

/// Sends to a `carillon-sandbox` process.
pub struct Sandbox {
    name: String,
    client: Client,
    send_url: Url,
    timeout: Duration,
}

/// The body of `POST /send`.
#[derive(Debug, Serialize, Deserialize)]
pub struct SendRequest<'a> {
    /// The notification.
    pub id: NotificationId,
    /// Which attempt it is, from 1.
    pub attempt: u32,
    /// The channel.
    pub channel: Channel,
    /// An e-mail address or a phone number in E.164.
    #[serde(borrow)]
    pub recipient: Cow<'a, str>,
    /// Whom the message is from, if said.
    #[serde(borrow, default)]
    pub sender: Option<Cow<'a, str>>,
    /// The subject line; e-mail only.
    #[serde(borrow, default)]
    pub subject: Option<Cow<'a, str>>,
    /// The text.
    #[serde(borrow)]
    pub body: Cow<'a, str>,
    /// Whether no receipt is wanted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trial: bool,
}

impl Sandbox {
    /// A client of the sandbox at `url` (without `/send`). `timeout` bounds a whole call: reaching
    /// the sandbox gets at most half of it, so that not reaching it is told apart from not being
    /// answered.
    ///
    /// # Errors
    /// When the URL is no base URL or the HTTP client cannot be built.
    pub fn new(url: &str, timeout: Duration) -> Result<Self, SetupError> {
        let send_url = send_url(url).ok_or_else(|| SetupError::Url {
            url: url.to_owned(),
        })?;
        let target = if send_url.scheme() == "http" {
            Target::Neighbour
        } else {
            Target::Internet
        };
        let client = http::client(target, timeout / 2)?;
        Ok(Self {
            name: NAME.to_owned(),
            client,
            send_url,
            timeout,
        })
    }

    /// As the provider of this name.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..self
        }
    }

    async fn call(&self, message: &OutgoingMessage) -> Outcome {
        let Ok(body) = serde_json::to_vec(&SendRequest::from(message)) else {
            return Outcome::Rejected {
                detail: "cannot be written as JSON".into(),
            };
        };
        let mut request = self
            .client
            .post(self.send_url.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .timeout(self.timeout)
            .body(body);
        if let Some(trace) = carillon_trace::current() {
            request = request.header("traceparent", trace.to_string());
        }
        match request.send().await {
            Ok(response) => answer::read(response).await,
            Err(error) => answer::without_response(&error),
        }
    }
}

impl Sandbox {
    /// Reads the sandbox's list of messages, which every sandbox has.
    async fn reach(&self) -> Result<(), Unreachable> {
        let mut url = self.send_url.clone();
        url.set_path("/messages");
        url.set_query(Some("recipient=nobody@example.org"));
        let answered = self.client.get(url).timeout(self.timeout).send().await;
        match answered {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => Err(Unreachable {
                what: format!(
                    "something else than a sandbox answers: {}",
                    response.status()
                ),
                advice: "set sandbox.url to where carillon-sandbox listens".to_owned(),
            }),
            Err(_) => Err(Unreachable {
                what: "the sandbox does not answer".to_owned(),
                advice: "start carillon-sandbox, or set sandbox.url to where it listens".to_owned(),
            }),
        }
    }
}

fn send_url(base: &str) -> Option<Url> {
    let mut url = Url::parse(base).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    url.path_segments_mut().ok()?.pop_if_empty().push("send");
    Some(url)
}

impl<'a> From<&'a OutgoingMessage> for SendRequest<'a> {
    fn from(message: &'a OutgoingMessage) -> Self {
        let (sender, subject, body) = match &message.content {
            Content::Email {
                from_name,
                from_address,
                subject,
                text,
                ..
            } => {
                let sender = format!("{from_name} <{from_address}>");
                (
                    Some(sender.into()),
                    Some(subject.as_str().into()),
                    text.as_str(),
                )
            }
            Content::Sms { sender, body } => {
                (sender.as_deref().map(Into::into), None, body.as_str())
            }
        };
        Self {
            id: message.id,
            attempt: message.attempt,
            channel: message.channel(),
            recipient: message.recipient.as_str().into(),
            sender,
            subject,
            body: body.into(),
            trial: message.is_trial,
        }
    }
}

impl Provider for Sandbox {
    fn name(&self) -> &str {
        &self.name
    }

    fn has_receipts(&self) -> bool {
        true
    }

    fn send<'a>(&'a self, message: &'a OutgoingMessage) -> BoxFuture<'a, Outcome> {
        self.call(message).boxed()
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), Unreachable>> {
        self.reach().boxed()
    }
}
