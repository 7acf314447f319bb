use carillon_test_support::SnsSigner;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::sync::Mutex;

use super::*;

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:ses-events";
const SUBSCRIBE: &str = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription\
    &TopicArn=arn:aws:sns:eu-west-1:123456789012:ses-events&Token=2336412f37";

/// Answers every address with the same, and remembers them.
struct Fixed {
    answer: Result<String, NoAnswer>,
    asked: Mutex<Vec<String>>,
}

impl Source for Fixed {
    fn get(&self, url: Url) -> BoxFuture<'_, Result<Vec<u8>, NoAnswer>> {
        self.asked.lock().unwrap().push(url.to_string());
        let answer = self.answer.clone().map(String::into_bytes);
        async move { answer }.boxed()
    }
}

struct Stage {
    signer: SnsSigner,
    source: Arc<Fixed>,
    messages: SnsMessages,
    now: DateTime<Utc>,
}

impl Stage {
    fn new() -> Self {
        let signer = SnsSigner::new();
        let answer = Ok(signer.certificate.clone());
        Self::answered(signer, answer)
    }

    fn answered(signer: SnsSigner, answer: Result<String, NoAnswer>) -> Self {
        let source = Arc::new(Fixed {
            answer,
            asked: Mutex::default(),
        });
        let topics = vec!["arn:aws:sns:eu-west-1:1:other".to_owned(), TOPIC.to_owned()];
        Self {
            signer,
            messages: SnsMessages::with_source(topics, source.clone()),
            source,
            now: carillon_core::clock::now(),
        }
    }

    fn message(&self, kind: &str, more: &Value) -> Value {
        let at = self.now.to_rfc3339();
        self.signer.message(kind, TOPIC, &at, more)
    }

    async fn verify(&self, message: &Value) -> Result<Genuine, Refusal> {
        let body = message.to_string();
        self.messages.verify(body.as_bytes(), self.now).await
    }

    fn n_asked(&self) -> usize {
        self.source.asked.lock().unwrap().len()
    }
}

fn subscription() -> Value {
    json!({"Token": "2336412f37", "SubscribeURL": SUBSCRIBE})
}

#[tokio::test]
async fn both_versions_verify_and_the_certificate_is_fetched_once() {
    let stage = Stage::new();
    for version in ["1", "2"] {
        for subject in [json!("a subject"), Value::Null] {
            let more = json!({
                "SignatureVersion": version, "Message": "say \"hi\"\nthere", "Subject": subject,
            });
            let verified = stage.verify(&stage.message("Notification", &more)).await;
            let expected = Genuine::Notification {
                message_id: "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324".into(),
                content: "say \"hi\"\nthere".into(),
            };
            assert_eq!(verified, Ok(expected), "{version} {subject}");
        }
    }
    assert_eq!(
        *stage.source.asked.lock().unwrap(),
        [SnsSigner::CERTIFICATE_URL]
    );
}

#[tokio::test]
async fn another_key_does_not_verify() {
    let stage = Stage::new();
    let stranger = SnsSigner::new();
    for version in ["1", "2"] {
        let mut message = stage.message("Notification", &json!({"SignatureVersion": version}));
        stranger.sign(&mut message);
        assert_eq!(
            stage.verify(&message).await,
            Err(Refusal::Signature),
            "{version}"
        );
    }
}

#[tokio::test]
async fn no_signed_field_can_be_altered_added_or_taken_away() {
    let stage = Stage::new();
    let notification = stage.message("Notification", &json!({"Subject": "a subject"}));
    let confirmation = stage.message("SubscriptionConfirmation", &subscription());
    let later = (stage.now + TimeDelta::seconds(1)).to_rfc3339();
    for (message, field, value) in [
        (&notification, "Message", json!("{\"other\": 1}")),
        (&notification, "MessageId", json!("another")),
        (&notification, "Subject", json!("another")),
        (&notification, "Subject", Value::Null),
        (&notification, "Timestamp", json!(later)),
        (
            &notification,
            "TopicArn",
            json!("arn:aws:sns:eu-west-1:1:other"),
        ),
        (&notification, "Type", json!("UnsubscribeConfirmation")),
        (&notification, "SignatureVersion", json!("1")),
        (&confirmation, "Message", json!("another")),
        (&confirmation, "MessageId", json!("another")),
        (
            &confirmation,
            "SubscribeURL",
            json!(format!("{SUBSCRIBE}&x=1")),
        ),
        (&confirmation, "Timestamp", json!(later)),
        (&confirmation, "Token", json!("another")),
        (&confirmation, "Type", json!("Notification")),
        (&confirmation, "Type", json!("UnsubscribeConfirmation")),
    ] {
        let mut altered = message.clone();
        altered[field] = value;
        assert_eq!(
            stage.verify(&altered).await,
            Err(Refusal::Signature),
            "{field}"
        );
    }
    // Which is seen without asking for the key.
    let mut other_topic = confirmation.clone();
    other_topic["TopicArn"] = json!("arn:aws:sns:eu-west-1:1:other");
    assert_eq!(
        stage.verify(&other_topic).await,
        Err(Refusal::SubscribeAddress)
    );
    let without_subject = stage.message("Notification", &json!({}));
    let mut added = without_subject.clone();
    added["Subject"] = json!("added");
    assert_eq!(stage.verify(&added).await, Err(Refusal::Signature));
    // What the signature covers could be cut into fields in another way.
    let mut cut = without_subject;
    cut["MessageId"] = json!("x\nSubject\ny");
    assert_eq!(stage.verify(&cut).await, Err(Refusal::Malformed));
}

#[tokio::test]
async fn nothing_is_fetched_for_what_can_be_refused_by_looking_at_it() {
    let stage = Stage::new();
    let (early, late) = (TimeDelta::minutes(-61), TimeDelta::minutes(6));
    let at = |offset: TimeDelta| json!((stage.now + offset).to_rfc3339());
    let evil = "https://sns.eu-west-1.amazonaws.com.evil.org/SimpleNotificationService-0a.pem";
    for (field, value, expected) in [
        (
            "TopicArn",
            json!("arn:aws:sns:eu-west-1:666:mine"),
            Refusal::Topic,
        ),
        ("Timestamp", at(early), Refusal::Stale),
        ("Timestamp", at(late), Refusal::Stale),
        ("Timestamp", json!("yesterday"), Refusal::Malformed),
        ("SignatureVersion", json!("3"), Refusal::SignatureVersion),
        ("SigningCertURL", json!(evil), Refusal::CertificateAddress),
        (
            "SigningCertURL",
            json!(evil.replace(".evil.org", ":443")),
            Refusal::CertificateAddress,
        ),
        ("Type", json!("Novel"), Refusal::Malformed),
    ] {
        let message = stage.message("Notification", &json!({field: value.clone()}));
        assert_eq!(
            stage.verify(&message).await,
            Err(expected),
            "{field} {value}"
        );
    }
    let mut unsigned = stage.message("Notification", &json!({}));
    unsigned["Signature"] = json!("no base64!");
    assert_eq!(stage.verify(&unsigned).await, Err(Refusal::Malformed));
    unsigned["Signature"] = json!("c2hvcnQ=");
    assert_eq!(stage.verify(&unsigned).await, Err(Refusal::Signature));
    let elsewhere = json!({"Token": "t", "SubscribeURL": "https://evil.org/"});
    let elsewhere = stage.message("SubscriptionConfirmation", &elsewhere);
    assert_eq!(
        stage.verify(&elsewhere).await,
        Err(Refusal::SubscribeAddress)
    );
    assert_eq!(stage.verify(&json!([])).await, Err(Refusal::Malformed));
    assert_eq!(stage.n_asked(), 0);

    let closed = SnsMessages::with_source(Vec::new(), stage.source.clone());
    let body = stage.message("Notification", &json!({})).to_string();
    let refused = closed.verify(body.as_bytes(), stage.now).await;
    assert_eq!(refused, Err(Refusal::NoTopics));
    assert_eq!(stage.n_asked(), 0);
}

#[tokio::test]
async fn a_message_within_the_window_is_accepted() {
    let stage = Stage::new();
    for minutes in [-59, 4] {
        let at = (stage.now + TimeDelta::minutes(minutes)).to_rfc3339();
        let message = stage.message("Notification", &json!({"Timestamp": at}));
        let verified = stage.verify(&message).await;
        assert!(verified.is_ok(), "{minutes}: {verified:?}");
    }
}

#[tokio::test]
async fn a_certificate_counts_only_in_its_period() {
    let mut stage = Stage::new();
    for days in [-2, 2] {
        stage.now = carillon_core::clock::now() + TimeDelta::days(days);
        let message = stage.message("Notification", &json!({}));
        let verified = stage.verify(&message).await;
        assert_eq!(verified, Err(Refusal::CertificatePeriod), "{days}");
    }
}

#[tokio::test]
async fn a_certificate_that_cannot_be_had_is_asked_for_again_after_a_while() {
    for (answer, expected, is_temporary) in [
        (
            Err(NoAnswer::Away),
            Refusal::Certificate(NoAnswer::Away),
            true,
        ),
        (
            Err(NoAnswer::Status(404)),
            Refusal::Certificate(NoAnswer::Status(404)),
            false,
        ),
        (
            Ok("no certificate".to_owned()),
            Refusal::CertificateContent,
            false,
        ),
    ] {
        let mut stage = Stage::answered(SnsSigner::new(), answer);
        let message = stage.message("Notification", &json!({}));
        for _ in 0..3 {
            assert_eq!(stage.verify(&message).await, Err(expected));
        }
        assert_eq!(expected.is_temporary(), is_temporary);
        assert_eq!(stage.n_asked(), 1);
        stage.now += TimeDelta::seconds(certificates::FAILED_FOR_SECONDS);
        assert_eq!(stage.verify(&message).await, Err(expected));
        assert_eq!(stage.n_asked(), 2);
    }
}

#[tokio::test]
async fn a_notification_is_repeated_only_after_it_was_done() {
    let stage = Stage::new();
    let message = stage.message("Notification", &json!({}));
    for _ in 0..2 {
        let verified = stage.verify(&message).await;
        assert!(
            matches!(verified, Ok(Genuine::Notification { .. })),
            "{verified:?}"
        );
    }
    stage
        .messages
        .done(message["MessageId"].as_str().unwrap().to_owned());
    assert_eq!(stage.verify(&message).await, Ok(Genuine::Repeated));
}

#[tokio::test]
async fn a_subscription_is_confirmed_at_a_genuine_address_only() {
    let stage = Stage::new();
    let message = stage.message("SubscriptionConfirmation", &subscription());
    let Ok(Genuine::Subscription { url }) = stage.verify(&message).await else {
        panic!("no subscription");
    };
    assert_eq!(url.as_str(), SUBSCRIBE);
    assert_eq!(stage.n_asked(), 1, "the certificate only");
    stage.messages.confirm(url).await.unwrap();
    assert_eq!(stage.source.asked.lock().unwrap()[1], SUBSCRIBE);

    for bad in [
        SUBSCRIBE.replace("amazonaws.com", "amazonaws.com.evil.org"),
        SUBSCRIBE.replace("ConfirmSubscription", "Publish"),
        "http://169.254.169.254/".to_owned(),
        String::new(),
    ] {
        let more = json!({"Token": "2336412f37", "SubscribeURL": bad});
        let message = stage.message("SubscriptionConfirmation", &more);
        assert_eq!(
            stage.verify(&message).await,
            Err(Refusal::SubscribeAddress),
            "{bad}"
        );
    }
    let unsubscribed = stage.message("UnsubscribeConfirmation", &subscription());
    assert_eq!(stage.verify(&unsubscribed).await, Ok(Genuine::Unsubscribed));
    assert_eq!(stage.n_asked(), 2);
}
