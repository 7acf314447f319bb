//! What SNS posts to `/callbacks/ses` and `/callbacks/sns` is applied, and what strangers post there
//! changes nothing.

mod genuine_host;

use std::time::Duration;

use carillon_test_support::{SnsSigner, Stack, StackOptions, eventually};
use genuine_host::GenuineHost;
use serde_json::{Value, json};

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:ses-events";

/// As SNS posts: JSON that is called plain text.
async fn post(stack: &Stack, route: &str, body: String) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client
        .post(format!("{}/callbacks/{route}", stack.api_url))
        .header("content-type", "text/plain; charset=UTF-8")
        .body(body)
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// A hard bounce of a message, as SES would tell it.
fn bounce(id: &str) -> Value {
    let now = carillon_core::clock::now().to_rfc3339();
    let event = json!({
        "eventType": "Bounce",
        "mail": {"timestamp": now, "messageId": "m", "tags": {"carillon-id": [id]}},
        "bounce": {
            "bounceType": "Permanent", "bounceSubType": "General", "timestamp": now,
            "feedbackId": "f",
        },
    });
    json!({"Message": event.to_string()})
}

/// An installation that listens to a topic, who signs for it, and where the certificate lies.
async fn with_sns() -> (Stack, SnsSigner, GenuineHost) {
    let sns = SnsSigner::new();
    let host = GenuineHost::start(&sns).await;
    let mut api_env = vec![("CARILLON__RECEIPTS__SNS_TOPICS", TOPIC.to_owned())];
    api_env.extend(host.env());
    let stack = Stack::start(StackOptions {
        api_env,
        ..StackOptions::default()
    })
    .await;
    (stack, sns, host)
}

async fn metrics(stack: &Stack) -> String {
    let answer = reqwest::get(format!("{}/metrics", stack.api_url)).await;
    answer.unwrap().text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_messages_are_refused_with_the_reason_and_change_nothing() {
    let (stack, sns, _host) = with_sns().await;
    let id = stack.send_email("ada@example.org", "Ada").await;
    stack.until_status(&id, "delivered").await;
    let before = stack.timeline(&id).await;

    let stranger = SnsSigner::new();
    let now = carillon_core::clock::now();
    let old = now - chrono::TimeDelta::hours(2);
    let forged = |topic: &str, at: chrono::DateTime<chrono::Utc>, field: &str, value: &str| {
        let mut more = bounce(&id);
        more[field] = json!(value);
        stranger.message("Notification", topic, &at.to_rfc3339(), &more)
    };
    let mut altered = sns.message("Notification", TOPIC, &now.to_rfc3339(), &bounce(&id));
    altered["Message"] = bounce(&id)["Message"].clone();
    let evil = "https://sns.eu-west-1.amazonaws.com.evil.org/SimpleNotificationService-0a.pem";
    let other = "arn:aws:sns:eu-west-1:666:mine";
    for (message, words, reason) in [
        (
            forged(TOPIC, now, "SigningCertURL", evil),
            "address is not one of SNS",
            "certificate-address",
        ),
        (
            forged(other, now, "Subject", "s"),
            "topic is not listed",
            "topic",
        ),
        (forged(TOPIC, old, "Subject", "s"), "too old", "stale"),
        (
            forged(TOPIC, now, "SignatureVersion", "3"),
            "version is unknown",
            "signature-version",
        ),
        // The certificate at the genuine address is of another key than the stranger's.
        (
            forged(TOPIC, now, "Subject", "s"),
            "signature does not verify",
            "signature",
        ),
        (altered, "signature does not verify", "signature"),
        (
            json!({"Type": "Notification"}),
            "not a message of SNS",
            "malformed",
        ),
    ] {
        for route in ["ses", "sns"] {
            let (status, text) = post(&stack, route, message.to_string()).await;
            assert_eq!(status, 403, "{reason}: {text}");
            assert!(text.contains(words), "{reason}: {text}");
        }
        let metrics = metrics(&stack).await;
        let counted = metrics.lines().any(|line| {
            line.starts_with("carillon_callbacks_refused_total")
                && line.contains(&format!("reason=\"{reason}\""))
                && line.contains("route=\"ses\"")
        });
        assert!(counted, "{reason}: {metrics}");
    }
    let huge = "x".repeat((1 << 20) + 1);
    assert_eq!(post(&stack, "ses", huge).await.0, 413);

    // A second message shows that whatever was published before it would have been applied.
    let after = stack.send_email("bob@example.org", "Bob").await;
    stack.until_status(&after, "delivered").await;
    assert_eq!(stack.timeline(&id).await, before);
    stack.until_status(&id, "delivered").await;
    stack.assert_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_genuine_bounce_is_applied_once_and_suppresses_and_what_cannot_be_read_is_set_aside() {
    let (stack, sns, _host) = with_sns().await;
    let id = stack.send_email("ada@example.org", "Ada").await;
    stack.until_status(&id, "delivered").await;
    let now = carillon_core::clock::now().to_rfc3339();
    // As long as SNS lets a message be, and longer still as a text in JSON.
    let mut event: Value = serde_json::from_str(bounce(&id)["Message"].as_str().unwrap()).unwrap();
    event["mail"]["headers"] = json!("\"".repeat(120 * 1024));
    let bounce = json!({"Message": event.to_string()});
    let message = sns
        .message("Notification", TOPIC, &now, &bounce)
        .to_string();
    assert!(message.len() > 256 * 1024, "{}", message.len());
    for _ in 0..2 {
        let (status, text) = post(&stack, "ses", message.clone()).await;
        assert_eq!(status, 200, "{text}");
    }
    stack.until_status(&id, "permanent-failure").await;
    let timeline = stack.timeline(&id).await;
    let bounces = timeline
        .iter()
        .filter(|(_, reason)| reason.as_deref() == Some("receipt-permanent-failure"));
    assert_eq!(bounces.count(), 1, "{timeline:?}");
    let again = stack.send_email("ada@example.org", "Ada").await;
    stack.until_status(&again, "permanent-failure").await;
    stack.assert_settled().await;

    // Two entries of a log, one of which is none.
    let entry = |status: &str| {
        json!({
            "notification": {"messageId": "unheard-of", "timestamp": "2026-01-02 03:04:05.678"},
            "delivery": {"dwellTimeMs": 599}, "status": status,
        })
    };
    let log = json!([entry("NOVEL"), entry("SUCCESS")]).to_string();
    let log = json!({"Message": log, "MessageId": "another"});
    let message = sns.message("Notification", TOPIC, &now, &log).to_string();
    let (status, text) = post(&stack, "sns", message).await;
    assert_eq!(status, 200, "{text}");
    let set_aside = "SELECT count(*) FROM quarantine WHERE queue = 'sms-callbacks'
        AND reason = 'malformed' AND convert_from(payload, 'UTF8') LIKE '%NOVEL%'";
    assert_eq!(stack.database.number(set_aside).await, 1);
    eventually(
        "its neighbour waits for its message",
        Duration::from_secs(60),
        async || {
            let parked = "SELECT count(*) FROM parked_receipts WHERE provider = 'sns'";
            (stack.database.number(parked).await == 1).then_some(())
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_listed_topic_nothing_is_believed() {
    let stack = Stack::start(StackOptions::default()).await;
    let signer = SnsSigner::new();
    let now = carillon_core::clock::now().to_rfc3339();
    let message = signer.message("Notification", TOPIC, &now, &json!({}));
    for route in ["ses", "sns"] {
        let answer = post(&stack, route, message.to_string()).await;
        let reason = "no topic is configured (receipts.sns_topics)".to_owned();
        assert_eq!(answer, (403, reason));
    }
}
