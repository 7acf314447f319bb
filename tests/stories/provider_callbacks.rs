//! What strangers post to `/callbacks/ses` and `/callbacks/sns` changes nothing.

use carillon_test_support::{SnsSigner, Stack, StackOptions};
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

async fn metrics(stack: &Stack) -> String {
    let answer = reqwest::get(format!("{}/metrics", stack.api_url)).await;
    answer.unwrap().text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_messages_are_refused_with_the_reason_and_change_nothing() {
    let topics = ("CARILLON__RECEIPTS__SNS_TOPICS", TOPIC.to_owned());
    let stack = Stack::start(StackOptions {
        api_env: vec![topics],
        ..StackOptions::default()
    })
    .await;
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
    // At a genuine host there is no certificate of a stranger's; whether the host can be reached
    // from here or not, the message is not believed.
    let unknown = forged(TOPIC, now, "Subject", "s").to_string();
    let (status, _) = post(&stack, "ses", unknown).await;
    assert!(matches!(status, 403 | 503), "{status}");
    let huge = "x".repeat(300 * 1024);
    assert_eq!(post(&stack, "ses", huge).await.0, 413);

    // A second message shows that whatever was published before it would have been applied.
    let after = stack.send_email("bob@example.org", "Bob").await;
    stack.until_status(&after, "delivered").await;
    assert_eq!(stack.timeline(&id).await, before);
    stack.until_status(&id, "delivered").await;
    stack.assert_settled().await;
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
