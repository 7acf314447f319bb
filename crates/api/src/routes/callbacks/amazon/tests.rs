use std::sync::Arc;

use carillon_core::receipt::ReceiptKind;
use carillon_providers::sns_message::{NoAnswer, Source};
use carillon_test_support::SnsSigner;
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::*;

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:ses-events";
const SUBSCRIBE: &str = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription\
    &TopicArn=arn:aws:sns:eu-west-1:123456789012:ses-events&Token=2336412f37";

/// Stands where SNS's hosts would be: one certificate, and a count of confirmations.
struct Hosts {
    certificate: String,
    confirms: bool,
    confirmed: Mutex<Vec<String>>,
}

impl Source for Hosts {
    fn get<'a>(
        &'a self,
        url: carillon_providers::sns_message::Url,
    ) -> BoxFuture<'a, Result<Vec<u8>, NoAnswer>> {
        if url.path() != "/" {
            let certificate = self.certificate.clone().into_bytes();
            return async move { Ok(certificate) }.boxed();
        }
        self.confirmed.lock().push(url.to_string());
        let answer = if self.confirms {
            Ok(Vec::new())
        } else {
            Err(NoAnswer::Away)
        };
        async move { answer }.boxed()
    }
}

struct Stage {
    signer: SnsSigner,
    hosts: Arc<Hosts>,
    messages: SnsMessages,
    now: DateTime<Utc>,
    taken: Mutex<Vec<Receipt>>,
}

impl Stage {
    fn new(confirms: bool) -> Self {
        let signer = SnsSigner::new();
        let hosts = Arc::new(Hosts {
            certificate: signer.certificate.clone(),
            confirms,
            confirmed: Mutex::default(),
        });
        Self {
            messages: SnsMessages::with_source(vec![TOPIC.to_owned()], hosts.clone()),
            signer,
            hosts,
            now: carillon_core::clock::now(),
            taken: Mutex::default(),
        }
    }

    fn message(&self, kind: &str, more: &Value) -> Value {
        self.signer
            .message(kind, TOPIC, &self.now.to_rfc3339(), more)
    }

    /// The answer when the broker is there or away.
    async fn answer(&self, route: &Route, message: &Value, is_safe: bool) -> Answer {
        let take = async |receipt| {
            self.taken.lock().push(receipt);
            is_safe
        };
        let body = message.to_string();
        answer(route, Some(&self.messages), body.as_bytes(), self.now, take).await
    }

    fn n_taken(&self) -> usize {
        self.taken.lock().len()
    }
}

fn complaint() -> Value {
    let event = json!({
        "eventType": "Complaint",
        "mail": {"timestamp": "2026-01-02T03:04:00Z", "messageId": "ses-1"},
        "complaint": {
            "timestamp": "2026-01-02T03:04:05Z", "feedbackId": "f",
            "complaintSubType": "OnAccountSuppressionList",
        },
    });
    json!({"Message": event.to_string()})
}

#[tokio::test]
async fn a_notification_is_brought_again_until_all_its_receipts_are_safe_and_then_has_no_effect() {
    let stage = Stage::new(true);
    let message = stage.message("Notification", &complaint());
    assert_eq!(stage.answer(&SES, &message, false).await, Answer::Again);
    assert_eq!(stage.answer(&SES, &message, true).await, Answer::Done);
    let kinds: Vec<_> = stage
        .taken
        .lock()
        .iter()
        .map(|receipt| receipt.kind)
        .collect();
    let both = [ReceiptKind::Complaint, ReceiptKind::PermanentFailure];
    assert_eq!(kinds, [both, both].concat());
    assert_eq!(stage.answer(&SES, &message, true).await, Answer::Done);
    assert_eq!(stage.n_taken(), 4);
}

#[tokio::test]
async fn forged_messages_are_refused_and_nothing_is_taken() {
    let stage = Stage::new(true);
    let mut wrong_key = stage.message("Notification", &complaint());
    SnsSigner::new().sign(&mut wrong_key);
    let mut altered = stage.message("Notification", &complaint());
    altered["Message"] = json!("{}");
    let with = |name: &str, value: &str| {
        let mut more = complaint();
        more[name] = json!(value);
        stage.message("Notification", &more)
    };
    let lookalike = SnsSigner::CERTIFICATE_URL.replace("amazonaws.com", "amazonaws.com.evil.org");
    let old = (stage.now - chrono::TimeDelta::hours(2)).to_rfc3339();
    let bad_address = json!({"Token": "2336412f37", "SubscribeURL": "https://evil.org/"});
    for (message, expected) in [
        (wrong_key, Refusal::Signature),
        (altered, Refusal::Signature),
        (
            with("SigningCertURL", &lookalike),
            Refusal::CertificateAddress,
        ),
        (
            with("TopicArn", "arn:aws:sns:eu-west-1:666:mine"),
            Refusal::Topic,
        ),
        (with("Timestamp", &old), Refusal::Stale),
        (
            stage.message("SubscriptionConfirmation", &bad_address),
            Refusal::SubscribeAddress,
        ),
    ] {
        let answer = stage.answer(&SES, &message, true).await;
        assert_eq!(answer, Answer::Refused(expected), "{message}");
    }
    let take = async |_| panic!("taken without a topic");
    let body = stage.message("Notification", &complaint()).to_string();
    let answer = answer(&SES, None, body.as_bytes(), stage.now, take).await;
    assert_eq!(answer, Answer::Refused(Refusal::NoTopics));
    assert_eq!(stage.n_taken(), 0);
    assert!(stage.hosts.confirmed.lock().is_empty());
}

#[tokio::test]
async fn a_subscription_of_a_listed_topic_is_confirmed_once() {
    let more = json!({"Token": "2336412f37", "SubscribeURL": SUBSCRIBE});
    for (confirms, expected) in [(true, Answer::Done), (false, Answer::Again)] {
        let stage = Stage::new(confirms);
        let message = stage.message("SubscriptionConfirmation", &more);
        assert_eq!(stage.answer(&SES, &message, true).await, expected);
        assert_eq!(*stage.hosts.confirmed.lock(), [SUBSCRIBE]);
        assert_eq!(stage.n_taken(), 0);
    }
}

#[tokio::test]
async fn a_genuine_message_that_says_nothing_to_us_is_not_asked_for_again() {
    let stage = Stage::new(true);
    let greeting = json!({"Message": "Successfully validated SNS topic"});
    for message in [
        stage.message("Notification", &greeting),
        stage.message(
            "UnsubscribeConfirmation",
            &json!({"Token": "t", "SubscribeURL": SUBSCRIBE}),
        ),
    ] {
        for route in [&SES, &SNS] {
            assert_eq!(stage.answer(route, &message, true).await, Answer::Done);
        }
    }
    // An event of SES is none of SNS's log.
    let event = stage.message("Notification", &complaint());
    assert_eq!(stage.answer(&SNS, &event, true).await, Answer::Done);
    assert_eq!(stage.n_taken(), 0);
    assert!(stage.hosts.confirmed.lock().is_empty());
}
