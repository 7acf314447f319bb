//! Calls to services' URLs, signed as Standard Webhooks has it.

mod answer;
pub mod registration;
mod secret;
#[cfg(test)]
mod tests;
pub mod trial;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use carillon_core::id::NotificationId;
use carillon_core::trace::TraceContext;
use carillon_core::webhook::{Answer, CallFailure};
use chrono::{DateTime, Utc};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use reqwest::{Client, Url};
pub use secret::{InvalidSecret, Secret, new_secret};
use tracing::debug;
use uuid::Uuid;

pub use crate::egress::NoSystemResolver;
use crate::egress::{EgressPolicy, Guard, Lookup, SystemLookup, vet_url};
use crate::http;

/// The longest bearer token, in bytes.
pub const MAX_TOKEN_BYTES: usize = 4_096;

/// Calls services, wherever the policy allows.
pub struct Webhooks {
    policy: EgressPolicy,
    client: Client,
    timeout: Duration,
}

/// One attempt to tell a service something.
///
/// Nearly all of it is a secret or personal data, so `{:?}` prints the ids alone.
pub struct Call<'a> {
    /// The event's id, the same at every attempt: what a receiver tells repetitions by.
    pub id: Uuid,
    /// Whose message it is about, for our own log.
    pub notification_id: NotificationId,
    /// Where to, as the service registered it.
    pub url: &'a str,
    /// The service's token for us, without `Bearer`.
    pub bearer_token: &'a str,
    /// All secrets that are valid now, newest first, each as [`new_secret`] writes it.
    pub secrets: &'a [String],
    /// JSON, sent and signed byte for byte.
    pub body: &'a [u8],
    /// The time of this attempt, by the database.
    pub at: DateTime<Utc>,
    /// The message's trace, recorded or not.
    pub trace_id: Option<Uuid>,
    /// The span that this call belongs to, when it is recorded.
    pub trace: Option<TraceContext>,
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("id", &self.id)
            .field("notification_id", &self.notification_id)
            .finish_non_exhaustive()
    }
}

/// Why services cannot be called at all.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The HTTP client cannot be built.
    #[error("building the HTTP client for callbacks")]
    Client(#[from] reqwest::Error),
    /// Names cannot be looked up.
    #[error(transparent)]
    Resolver(#[from] NoSystemResolver),
}

impl Webhooks {
    /// A client whose calls end within `timeout`; reaching the receiver gets at most half of it.
    ///
    /// # Errors
    /// When TLS or the system's resolver cannot be set up on this machine.
    pub fn new(policy: EgressPolicy, timeout: Duration) -> Result<Self, SetupError> {
        Self::with_lookup(policy, timeout, Arc::new(SystemLookup::new()?))
    }

    fn with_lookup(
        policy: EgressPolicy,
        timeout: Duration,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, SetupError> {
        let guard = Arc::new(Guard::new(policy, lookup));
        let client = http::guarded_client(guard, timeout / 2)?;
        Ok(Self {
            policy,
            client,
            timeout,
        })
    }

    /// Makes exactly one call. A redirect is an answer, and is not followed.
    ///
    /// The receiver has taken the call if it answered with success, and may have when the answer is
    /// [`CallFailure::TimedOut`] or [`CallFailure::Broken`]; so too when the future is dropped.
    pub async fn call(&self, call: &Call<'_>) -> Answer {
        let answer = match self.prepare(call) {
            Ok((url, headers)) => self.post(url, headers, call).await,
            Err(why) => Answer::Failed { why },
        };
        match answer {
            Answer::Status { code, .. } => debug!(
                notification.id = %call.notification_id,
                webhook.id = %call.id,
                http.status = code,
                "a service was called"
            ),
            Answer::Failed { why } => debug!(
                notification.id = %call.notification_id,
                webhook.id = %call.id,
                error = %why,
                "a call to a service failed"
            ),
        }
        answer
    }

    fn prepare(&self, call: &Call<'_>) -> Result<(Url, HeaderMap), CallFailure> {
        let url = vet_url(call.url, self.policy)
            .map_err(|refusal| CallFailure::Refused(refusal.why()))?;
        Ok((url, headers(call)?))
    }

    async fn post(&self, url: Url, headers: HeaderMap, call: &Call<'_>) -> Answer {
        let request = self
            .client
            .post(url)
            .headers(headers)
            .timeout(self.timeout)
            .body(call.body.to_vec());
        match request.send().await {
            Ok(response) => answer::read(response, call.at).await,
            Err(error) => Answer::Failed {
                why: answer::without_response(&error),
            },
        }
    }
}

/// Whether a text can be sent as a bearer token: visible ASCII, and not endlessly much.
#[must_use]
pub fn is_bearer_token(text: &str) -> bool {
    (1..=MAX_TOKEN_BYTES).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// The value of `webhook-signature`: one signature for each secret, so that a receiver may hold any
/// of them.
#[must_use]
pub fn sign(secrets: &[Secret], id: Uuid, at: DateTime<Utc>, body: &[u8]) -> String {
    let id = id.to_string();
    let signatures = secrets
        .iter()
        .map(|secret| secret.sign(&id, at.timestamp(), body));
    signatures.collect::<Vec<_>>().join(" ")
}

fn headers(call: &Call<'_>) -> Result<HeaderMap, CallFailure> {
    let secrets: Vec<Secret> = call
        .secrets
        .iter()
        .map(|secret| secret.parse())
        .collect::<Result<_, InvalidSecret>>()
        .map_err(|_| CallFailure::Refused("a signing secret is malformed"))?;
    if secrets.is_empty() {
        return Err(CallFailure::Refused("there is no signing secret"));
    }
    if !is_bearer_token(call.bearer_token) {
        return Err(CallFailure::Refused("the bearer token cannot be sent"));
    }
    let mut token = value(&format!("Bearer {}", call.bearer_token));
    token.set_sensitive(true);
    let mut headers = HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (USER_AGENT, HeaderValue::from_static("carillon-webhooks")),
        (AUTHORIZATION, token),
    ]);
    headers.insert("webhook-id", value(&call.id.to_string()));
    headers.insert("webhook-timestamp", call.at.timestamp().into());
    let signature = sign(&secrets, call.id, call.at, call.body);
    headers.insert("webhook-signature", value(&signature));
    if let Some(trace_id) = call.trace_id {
        headers.insert("x-trace-id", value(&trace_id.simple().to_string()));
    }
    if let Some(trace) = call.trace {
        headers.insert("traceparent", value(&trace.to_string()));
    }
    Ok(headers)
}

fn value(visible: &str) -> HeaderValue {
    HeaderValue::from_str(visible).expect("visible ASCII is a header's value")
}
