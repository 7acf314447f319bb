//! What people and tests read.

use carillon_core::id::NotificationId;
use serde_json::{Value, json};

use super::stage::Stage;

fn recipients(answer: &Value) -> Vec<&str> {
    answer["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["recipient"].as_str().unwrap())
        .collect()
}

#[actix_web::test]
async fn messages_are_found_by_recipient_and_id_newest_first() {
    let stage = Stage::new();
    for recipient in ["a@example.com", "b+1@example.com", "+447700900001"] {
        stage.accept(recipient).await;
    }
    let (id, _) = stage.accept("a@example.com").await;
    for (query, expected) in [
        (
            "",
            &[
                "a@example.com",
                "+447700900001",
                "b+1@example.com",
                "a@example.com",
            ][..],
        ),
        (
            "?recipient=&id=",
            &[
                "a@example.com",
                "+447700900001",
                "b+1@example.com",
                "a@example.com",
            ],
        ),
        ("?limit=2", &["a@example.com", "+447700900001"]),
        (
            "?recipient=a@example.com&id=",
            &["a@example.com", "a@example.com"],
        ),
        ("?recipient=+447700900001", &["+447700900001"]),
        ("?recipient=%2B447700900001", &["+447700900001"]),
        ("?recipient=b+1@example.com", &["b+1@example.com"]),
        ("?recipient=nobody@example.com", &[]),
    ] {
        let answer = stage.get(&format!("/messages{query}")).await;
        assert_eq!(recipients(&answer), expected, "{query}");
    }
    let answer = stage.get(&format!("/messages?id={id}")).await;
    let message = &answer["messages"][0];
    assert_eq!(answer["messages"].as_array().unwrap().len(), 1);
    for (field, expected) in [
        ("id", json!(id)),
        ("recipient", json!("a@example.com")),
        ("channel", json!("email")),
        ("subject", json!("Subject")),
        ("body", json!("Hello")),
        ("attempt", json!(1)),
    ] {
        assert_eq!(message[field], expected, "{field}");
    }
    assert!(message["at"].as_str().unwrap().ends_with('Z'));
}

#[actix_web::test]
async fn calls_show_every_outcome_oldest_first() {
    let stage = Stage::new();
    let id = NotificationId::mint();
    for _ in 0..4 {
        stage.send(id, "fail@simulator.notify").await;
    }
    stage.accept("other@example.com").await;
    let answer = stage.get(&format!("/calls?id={id}")).await;
    let outcomes: Vec<_> = answer["calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| &call["outcome"])
        .collect();
    assert_eq!(outcomes, ["failed", "failed", "accepted", "accepted"]);
    let stats = stage.get("/stats").await;
    assert_eq!(
        (&stats["calls"], &stats["duplicates"]),
        (&json!(5), &json!(1))
    );
}
