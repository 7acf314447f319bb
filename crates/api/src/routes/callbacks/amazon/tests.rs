use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
    kept: Kept,
}

/// What was kept, where the broker and the database are there or away.
#[derive(Default)]
struct Kept {
    taken: Mutex<Vec<Receipt>>,
    set_aside: Mutex<Vec<(Queue, String)>>,
    is_broker_away: AtomicBool,
    is_database_away: AtomicBool,
}

impl Keep for Kept {
    async fn take(&self, _: Queue, receipt: Receipt) -> bool {
        self.taken.lock().push(receipt);
        !self.is_broker_away.load(Ordering::Relaxed)
    }

    async fn set_aside(&self, queue: Queue, _: &str, text: &str) -> bool {
        self.set_aside.lock().push((queue, text.to_owned()));
        !self.is_database_away.load(Ordering::Relaxed)
    }
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
            kept: Kept::default(),
        }
    }

    fn message(&self, kind: &str, more: &Value) -> Value {
        self.signer
            .message(kind, TOPIC, &self.now.to_rfc3339(), more)
    }

    async fn answer(&self, route: &Route, message: &Value) -> Answer {
        let (body, messages) = (message.to_string(), Some(&self.messages));
        answer(route, messages, body.as_bytes(), self.now, &self.kept).await
    }

    fn n_taken(&self) -> usize {
        self.kept.taken.lock().len()
    }

    fn n_set_aside(&self) -> usize {
        self.kept.set_aside.lock().len()
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
    stage.kept.is_broker_away.store(true, Ordering::Relaxed);
    assert_eq!(stage.answer(&SES, &message).await, Answer::Again);
    stage.kept.is_broker_away.store(false, Ordering::Relaxed);
    assert_eq!(stage.answer(&SES, &message).await, Answer::Done);
    let kinds: Vec<_> = stage
        .kept
        .taken
        .lock()
        .iter()
        .map(|receipt| receipt.kind)
        .collect();
    let both = [ReceiptKind::Complaint, ReceiptKind::PermanentFailure];
    assert_eq!(kinds, [both, both].concat());
    assert_eq!(stage.answer(&SES, &message).await, Answer::Done);
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
        let answer = stage.answer(&SES, &message).await;
        assert_eq!(answer, Answer::Refused(expected), "{message}");
    }
    let body = stage.message("Notification", &complaint()).to_string();
    let answer = answer(&SES, None, body.as_bytes(), stage.now, &stage.kept).await;
    assert_eq!(answer, Answer::Refused(Refusal::NoTopics));
    assert_eq!((stage.n_taken(), stage.n_set_aside()), (0, 0));
    assert!(stage.hosts.confirmed.lock().is_empty());
}

#[tokio::test]
async fn a_subscription_of_a_listed_topic_is_confirmed_once() {
    let more = json!({"Token": "2336412f37", "SubscribeURL": SUBSCRIBE});
    for (confirms, expected) in [(true, Answer::Done), (false, Answer::Again)] {
        let stage = Stage::new(confirms);
        let message = stage.message("SubscriptionConfirmation", &more);
        assert_eq!(stage.answer(&SES, &message).await, expected);
        assert_eq!(*stage.hosts.confirmed.lock(), [SUBSCRIBE]);
        assert_eq!(stage.n_taken(), 0);
    }
}

#[tokio::test]
async fn a_genuine_message_that_changes_nothing_is_not_asked_for_again() {
    let stage = Stage::new(true);
    let greeting = json!({"Message": "Successfully validated SNS topic for Amazon SES events."});
    let ended = json!({"Token": "t", "SubscribeURL": SUBSCRIBE});
    for (route, message) in [
        (&SES, stage.message("Notification", &greeting)),
        (&SES, stage.message("UnsubscribeConfirmation", &ended)),
        (&SNS, stage.message("UnsubscribeConfirmation", &ended)),
    ] {
        assert_eq!(stage.answer(route, &message).await, Answer::Done);
    }
    assert_eq!((stage.n_taken(), stage.n_set_aside()), (0, 0));
    assert!(stage.hosts.confirmed.lock().is_empty());
}

#[tokio::test]
async fn what_is_genuine_and_cannot_be_read_is_set_aside_and_its_neighbours_are_taken() {
    let stage = Stage::new(true);
    let entry = |status: &str| {
        json!({
            "notification": {"messageId": "sns-1", "timestamp": "2026-01-02 03:04:05.678"},
            "delivery": {"dwellTimeMs": 599}, "status": status,
        })
    };
    let log = json!([entry("SUCCESS"), entry("NOVEL"), entry("FAILURE")]);
    let log = stage.message("Notification", &json!({"Message": log.to_string()}));
    stage.kept.is_database_away.store(true, Ordering::Relaxed);
    assert_eq!(stage.answer(&SNS, &log).await, Answer::Again);
    stage.kept.is_database_away.store(false, Ordering::Relaxed);
    stage.kept.set_aside.lock().clear();
    stage.kept.taken.lock().clear();
    assert_eq!(stage.answer(&SNS, &log).await, Answer::Done);
    assert_eq!(stage.n_taken(), 2);
    let novel = (Queue::SmsCallbacks, entry("NOVEL").to_string());
    assert_eq!(*stage.kept.set_aside.lock(), [novel]);
    // Safe, it is not set aside a second time.
    assert_eq!(stage.answer(&SNS, &log).await, Answer::Done);
    assert_eq!(stage.n_set_aside(), 1);
}

#[tokio::test]
async fn an_event_of_ses_at_the_address_of_text_messages_is_set_aside() {
    let stage = Stage::new(true);
    let event = stage.message("Notification", &complaint());
    assert_eq!(stage.answer(&SNS, &event).await, Answer::Done);
    assert_eq!((stage.n_taken(), stage.n_set_aside()), (0, 1));
}
