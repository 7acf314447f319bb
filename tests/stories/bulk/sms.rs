//! A mailing of text messages.

use carillon_test_support::{Stack, StackOptions, eventually};
use serde_json::{Value, json};

use super::{WITHIN, id, until};

#[tokio::test(flavor = "multi_thread")]
async fn numbers_in_national_form_are_reached_from_the_sender_that_is_named() {
    let stack = Stack::start(StackOptions::default()).await;
    let senders = format!("/api/services/{}/senders", stack.demo("SERVICE_ID"));
    let sender = json!({"channel": "sms", "value": "ELYCITY"});
    let (status, sender) = stack.post(&senders, &stack.admin(), &sender).await;
    assert_eq!(status, 201, "{sender}");

    let mut csv = "Phone Number;Name\n07700 900123;Ada\n+44 7700 900124;Bo\n".to_owned();
    csv += &format!("07700900125;{}\n12;Di\n07700900126;\n", "x".repeat(919));
    let sms = stack.demo("SMS_TEMPLATE_ID");
    let body =
        json!({"template_id": sms, "name": "Texts", "csv": csv, "reply_to_id": sender["id"]});
    let text = eventually("the sender is known", WITHIN, async || {
        let (status, refusal) = stack.post("/bulk", &stack.key(), &body).await;
        let text = refusal["errors"][0]["message"].as_str().unwrap().to_owned();
        assert_eq!(status, 400, "{text}");
        (!text.starts_with("sms_sender_id")).then_some(text)
    })
    .await;
    for words in [
        "Row 3: Text messages cannot be longer than 918 characters.",
        "Row 4 - `phone number`: invalid recipient.",
        "Row 5 - `Name`: Missing.",
    ] {
        assert!(
            text.to_lowercase().contains(&words.to_lowercase()),
            "{words}: {text}"
        );
    }

    let (status, answer) = stack
        .post("/bulk?on_invalid_rows=skip", &stack.key(), &body)
        .await;
    assert_eq!(status, 201, "{answer}");
    let made = &answer["data"];
    assert_eq!(
        (
            &made["template_type"],
            &made["sender_id"],
            &made["invalid_rows"]
        ),
        (&json!("sms"), &sender["id"], &json!(3))
    );
    until(&stack, id(made), "finished", ("delivered", 2)).await;
    let calls = stack.sandbox_calls().await;
    let mut reached: Vec<(&str, bool)> = calls.iter().map(call).collect();
    reached.sort_unstable();
    assert_eq!(reached, [("+447700900123", true), ("+447700900124", true)]);
    let sent_from = format!(
        "SELECT count(*) FROM notifications WHERE job_id = '{}' AND sender = 'ELYCITY'",
        id(made)
    );
    assert_eq!(stack.database.number(&sent_from).await, 2);

    let mut unknown = body;
    unknown["reply_to_id"] = json!(uuid::Uuid::nil());
    let (status, refusal) = stack.post("/bulk", &stack.key(), &unknown).await;
    let text = refusal["errors"][0]["message"].as_str().unwrap();
    assert!(status == 400 && text.starts_with("sms_sender_id"), "{text}");
}

/// Whom a call reached, and whether it was a text with the name filled in.
fn call(call: &Value) -> (&str, bool) {
    let body = call["body"].as_str().unwrap();
    let is_filled = call["channel"] == "sms" && (body.contains("Ada") || body.contains("Bo"));
    (call["recipient"].as_str().unwrap(), is_filled)
}
