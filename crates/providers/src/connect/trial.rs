//! A trial: one message by which a person sees that a provider works.

use std::fmt;

use carillon_core::attempt::Outcome;
use carillon_core::channel::Channel;
use carillon_core::id::NotificationId;
use carillon_core::recipient::{EmailAddress, PhoneNumber};
use serde::Serialize;

use crate::outgoing::{Content, OutgoingMessage};
use crate::provider::Provider;

/// Whom a trial goes to and whom it is from, checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Trial {
    recipient: String,
    /// For an e-mail.
    from: String,
}

impl fmt::Debug for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trial { .. }")
    }
}

/// What is wrong with a trial.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTrial {
    /// The recipient is none of the channel.
    #[error("{0}")]
    Recipient(String),
    /// The sender's address is none.
    #[error("must be the address to send from, such as carillon@example.org")]
    From,
}

/// What came of a trial. Holds no personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// The outcome's name.
    pub outcome: &'static str,
    /// The provider's words, if it had any.
    pub detail: Option<String>,
    /// The provider's id of the message, if it took it.
    pub reference: Option<String>,
    #[serde(skip)]
    advice: &'static str,
}

impl Trial {
    /// A trial through a provider of the channel. A national number is read as a British one, and
    /// `from` counts for e-mail only.
    ///
    /// # Errors
    /// When the recipient or the sender is not as it must be.
    pub fn new(channel: Channel, recipient: &str, from: &str) -> Result<Self, BadTrial> {
        let recipient = match channel {
            Channel::Email => {
                if EmailAddress::parse(from).is_err() {
                    return Err(BadTrial::From);
                }
                EmailAddress::parse(recipient)
                    .map(|address| address.as_str().to_owned())
                    .map_err(|error| BadTrial::Recipient(error.to_string()))?
            }
            Channel::Sms => PhoneNumber::parse(recipient, "GB")
                .map(|number| number.as_e164().to_owned())
                .map_err(|error| BadTrial::Recipient(error.to_string()))?,
        };
        Ok(Self {
            recipient,
            from: from.to_owned(),
        })
    }

    /// Sends it, once, past all queues: it is on no timeline and in no count.
    pub async fn send(&self, provider: &dyn Provider, channel: Channel) -> Tried {
        Tried::of(provider.send(&self.message(channel)).await)
    }

    fn message(&self, channel: Channel) -> OutgoingMessage {
        let content = match channel {
            Channel::Email => Content::Email {
                from_name: "Carillon".to_owned(),
                from_address: self.from.clone(),
                reply_to: None,
                subject: "Test message from Carillon".to_owned(),
                text: TEXT.to_owned(),
                html: format!("<!doctype html><html lang=\"en\"><body><p>{TEXT}</p></body></html>"),
            },
            Channel::Sms => Content::Sms {
                sender: None,
                body: TEXT.to_owned(),
            },
        };
        OutgoingMessage {
            id: NotificationId::mint(),
            attempt: 1,
            recipient: self.recipient.clone(),
            content,
            unsubscribe_url: None,
            is_trial: true,
        }
    }
}

/// One SMS long, in characters of GSM 7.
const TEXT: &str = "This is a test message from Carillon. An administrator sent it to see that a \
                    provider works. There is nothing to do.";

impl Tried {
    fn of(outcome: Outcome) -> Self {
        let advice = advice(&outcome);
        let name = outcome.name();
        let detail = match &outcome {
            Outcome::Throttled { after } => Some(format!("asks to wait {} s", after.as_secs())),
            outcome => outcome.detail().map(str::to_owned),
        };
        let reference = match outcome {
            Outcome::Accepted { reference } => Some(reference),
            _ => None,
        };
        Self {
            outcome: name,
            detail,
            reference,
            advice,
        }
    }

    /// Whether the provider took the message.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        self.reference.is_some()
    }
}

/// In words: the outcome, what the provider said, and what to do.
impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.outcome)?;
        if let Some(reference) = self.reference.as_ref().filter(|text| !text.is_empty()) {
            write!(f, ", with the reference {reference}")?;
        }
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        write!(f, "; {}", self.advice)
    }
}

const fn advice(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted { .. } => {
            "the provider has taken the message, so see whether it arrives, also among spam"
        }
        Outcome::Rejected { .. } => {
            "the same message will be refused again: check the recipient, the sender's address and \
             what the server's policy is"
        }
        Outcome::Failed { .. } => {
            "nothing was taken, and a later try may succeed: check the credentials, that the account \
             may send from this sender and (in a sandbox of AWS) to this recipient, the host, the \
             port and kind of TLS or the region, and that this machine may reach it"
        }
        Outcome::Throttled { .. } => {
            "the account may not send more just now: wait, or have its limit raised"
        }
        Outcome::Ambiguous { .. } => {
            "the answer was lost, so the message may have left: see whether it arrives before \
             trying again"
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use carillon_core::attempt::Blame;
    use futures::FutureExt;
    use futures::future::BoxFuture;

    use super::*;
    use crate::provider::Unreachable;

    /// Answers with the recipient and sender that it was given.
    struct Echo;

    impl Provider for Echo {
        fn name(&self) -> &'static str {
            "echo"
        }

        fn has_receipts(&self) -> bool {
            false
        }

        fn send<'a>(&'a self, message: &'a OutgoingMessage) -> BoxFuture<'a, Outcome> {
            let from = match &message.content {
                Content::Email { from_address, .. } => from_address,
                Content::Sms { .. } => "",
            };
            let reference = format!("{} {from}", message.recipient);
            async move { Outcome::Accepted { reference } }.boxed()
        }

        fn probe(&self) -> BoxFuture<'_, Result<(), Unreachable>> {
            async { Ok(()) }.boxed()
        }
    }

    #[tokio::test]
    async fn a_trial_reaches_the_recipient_that_was_given() {
        let trial = Trial::new(Channel::Email, "ada@example.org", "carillon@example.com").unwrap();
        let result = trial.send(&Echo, Channel::Email).await;
        assert_eq!(
            serde_json::to_value(&result).unwrap(),
            serde_json::json!({
                "outcome": "accepted", "detail": null,
                "reference": "ada@example.org carillon@example.com",
            })
        );
        let trial = Trial::new(Channel::Sms, "07700 900123", "").unwrap();
        assert!(trial.message(Channel::Sms).is_trial);
        let result = trial.send(&Echo, Channel::Sms).await;
        assert_eq!(result.reference.as_deref(), Some("+447700900123 "));
        assert!(!format!("{trial:?}").contains("7700"));
    }

    #[test]
    fn what_cannot_be_sent_to_or_from_is_refused() {
        let of = Trial::new;
        assert!(matches!(
            of(Channel::Email, "ada", "a@b.org"),
            Err(BadTrial::Recipient(_))
        ));
        assert_eq!(
            of(Channel::Email, "ada@b.org", "nobody"),
            Err(BadTrial::From)
        );
        assert!(matches!(
            of(Channel::Sms, "12", ""),
            Err(BadTrial::Recipient(_))
        ));
    }

    #[test]
    fn every_outcome_is_explained() {
        let detail = || "550 no".to_owned();
        for (outcome, word) in [
            (
                Outcome::Accepted {
                    reference: "r7".into(),
                },
                "r7",
            ),
            (
                Outcome::Rejected { detail: detail() },
                "550 no; the same message",
            ),
            (
                Outcome::Failed {
                    detail: detail(),
                    blame: Blame::Provider,
                },
                "550 no; nothing was taken",
            ),
            (
                Outcome::Throttled {
                    after: Duration::from_secs(9),
                },
                "wait 9 s",
            ),
            (Outcome::Ambiguous { detail: detail() }, "may have left"),
        ] {
            let accepted = matches!(outcome, Outcome::Accepted { .. });
            let name = outcome.name();
            let result = Tried::of(outcome);
            let text = result.to_string();
            assert!(text.starts_with(name) && text.contains(word), "{text}");
            assert_eq!(result.is_accepted(), accepted);
        }
    }

    #[test]
    fn the_text_is_one_sms() {
        assert!(TEXT.len() <= 160, "{}", TEXT.len());
    }
}
