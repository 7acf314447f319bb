//! What Amazon SNS sends over HTTPS: nothing in it is believed before its signature verifies.
//!
//! Anybody can post to our address, and anybody with an account at AWS can have SNS sign a message.
//! So a message counts only if it comes from a topic that is listed, is signed with the key of a
//! certificate that lies on a genuine SNS host, and is no older than [`OLDEST_MINUTES`]. What costs
//! nothing is checked first: for no other message is anything fetched, and for those that are left
//! only a few things at a time.

mod address;
mod certificate;
mod certificates;
mod envelope;
mod refusal;
mod source;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
pub use reqwest::Url;

use crate::provider::SetupError;
use certificates::Certificates;
use envelope::{Envelope, Kind};
pub use refusal::Refusal;
pub use source::{Internet, NoAnswer, Source};

/// An older message is refused. SNS's own retries end long before.
pub const OLDEST_MINUTES: i64 = 60;
/// Clocks differ; a message from further ahead is refused.
pub const AHEAD_MINUTES: i64 = 5;

/// Longer than a message stays acceptable.
const REMEMBERED_FOR: Duration = Duration::from_secs(70 * 60);
/// Of the last ids. One that is forgotten early does no harm: receipts are applied once by the
/// provider's event, whoever brings them.
const MAX_REMEMBERED: u64 = 100_000;

/// Verifies messages of SNS, and confirms subscriptions of the listed topics.
pub struct SnsMessages {
    topics: Vec<String>,
    source: Arc<dyn Source>,
    certificates: Certificates,
    done: moka::sync::Cache<String, ()>,
}

/// What a genuine message asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Genuine {
    /// Somebody published this.
    Notification {
        /// To be given to [`SnsMessages::done`] when the content is safe.
        message_id: String,
        /// What was published.
        content: String,
    },
    /// A notification whose id was already reported as done.
    Repeated,
    /// The address that confirms our subscription of a listed topic.
    Subscription {
        /// For [`SnsMessages::confirm`].
        url: Url,
    },
    /// The subscription has ended. Nothing is to be done; to renew it is a person's decision.
    Unsubscribed,
}

impl SnsMessages {
    /// Takes messages of these topics only, given by their ARNs.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn new(topics: Vec<String>) -> Result<Self, SetupError> {
        Ok(Self::with_source(topics, Arc::new(Internet::new()?)))
    }

    /// Like [`new`](Self::new), but certificates and confirmations are asked of `source`.
    #[must_use]
    pub fn with_source(topics: Vec<String>, source: Arc<dyn Source>) -> Self {
        Self {
            topics,
            certificates: Certificates::new(Arc::clone(&source)),
            source,
            done: moka::sync::Cache::builder()
                .max_capacity(MAX_REMEMBERED)
                .time_to_live(REMEMBERED_FOR)
                .build(),
        }
    }

    /// Reads and verifies the body of a request.
    ///
    /// # Errors
    /// Why the message is not believed; see [`Refusal::is_temporary`] for the cases that may pass.
    pub async fn verify(&self, body: &[u8], now: DateTime<Utc>) -> Result<Genuine, Refusal> {
        let envelope: Envelope = serde_json::from_slice(body).map_err(|_| Refusal::Malformed)?;
        envelope.check_lines()?;
        if self.topics.is_empty() {
            return Err(Refusal::NoTopics);
        }
        if !self.topics.contains(&envelope.topic_arn) {
            return Err(Refusal::Topic);
        }
        check_time(envelope.timestamp()?, now)?;
        let scheme = envelope.scheme()?;
        let signature = envelope.signature()?;
        let address = address::of_certificate(&envelope.signing_cert_url)
            .ok_or(Refusal::CertificateAddress)?;
        let meaning = self.meaning(&envelope)?;
        let certificate = self.certificates.get(&address, now).await?;
        certificate.check_period(now)?;
        certificate.verify(scheme, envelope.canonical().as_bytes(), &signature)?;
        self.certificates.proven(address);
        Ok(meaning)
    }

    /// What it asks for if it is genuine.
    fn meaning(&self, envelope: &Envelope) -> Result<Genuine, Refusal> {
        Ok(match envelope.kind {
            Kind::Notification if self.done.contains_key(&envelope.message_id) => Genuine::Repeated,
            Kind::Notification => Genuine::Notification {
                message_id: envelope.message_id.clone(),
                content: envelope.message.clone(),
            },
            Kind::SubscriptionConfirmation => {
                let text = envelope.subscribe_url.as_deref().unwrap_or_default();
                let url = address::of_confirmation(text, &envelope.topic_arn);
                Genuine::Subscription {
                    url: url.ok_or(Refusal::SubscribeAddress)?,
                }
            }
            Kind::UnsubscribeConfirmation => Genuine::Unsubscribed,
        })
    }

    /// Remembers that a notification's content is safe: from now on it is
    /// [`Genuine::Repeated`]. Before that, SNS must be able to bring it again.
    pub fn done(&self, message_id: String) {
        self.done.insert(message_id, ());
    }

    /// Confirms a subscription.
    ///
    /// # Errors
    /// When SNS cannot be asked or says no.
    pub async fn confirm(&self, url: Url) -> Result<(), NoAnswer> {
        self.source.get(url).await.map(drop)
    }
}

/// Whether an id from the content of a message may be kept and compared: of decent length, without
/// blanks and control characters, which PostgreSQL or a log would stumble over.
pub(crate) fn is_plain(id: &str) -> bool {
    (1..=256).contains(&id.len()) && id.bytes().all(|c| c.is_ascii_graphic())
}

fn check_time(at: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), Refusal> {
    let age = now - at;
    if age > TimeDelta::minutes(OLDEST_MINUTES) || -age > TimeDelta::minutes(AHEAD_MINUTES) {
        return Err(Refusal::Stale);
    }
    Ok(())
}
