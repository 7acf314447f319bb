//! What survives a kill.

use std::collections::BTreeSet;

use carillon_core::attempt::Outcome;
use carillon_core::id::NotificationId;
use futures::future::join_all;
use serde_json::json;

use super::stage::Stage;

#[actix_web::test]
async fn receipts_that_were_not_confirmed_are_sent_after_a_restart() {
    let before = Stage::new();
    before.change(json!({"hold_receipts": true})).await;
    let accepted = join_all((0..20).map(|_| before.accept("amala@example.com"))).await;
    let expected: BTreeSet<_> = accepted
        .iter()
        .map(|(id, reference)| (*id, format!("{reference}:delivered")))
        .collect();

    let mut after = Stage::restarted_from(&before);
    let mut received = BTreeSet::new();
    for _ in 0..20 {
        let (_, receipt) = after.inbox.next().await;
        received.insert((receipt.notification_id.unwrap(), receipt.event_id));
    }
    assert_eq!(received, expected);
    assert!(before.inbox.is_empty());
    after
        .until(|stats| stats.receipts_sent == 20 && stats.receipts_pending == 0)
        .await;
}

#[actix_web::test]
async fn confirmed_receipts_are_not_sent_again_and_a_script_goes_on_where_it_was() {
    let mut before = Stage::new();
    before.accept("amala@example.com").await;
    before.inbox.next().await;
    let (id, reference) = before.accept("delay@simulator.notify").await;
    before.inbox.next().await;
    before.until(|stats| stats.receipts_sent == 2).await;
    // The last line is written behind all others.
    before.accept("reset@example.com").await;

    let mut after = Stage::restarted_from(&before);
    let mut events = BTreeSet::new();
    for _ in 0..2 {
        events.insert(after.inbox.next().await.1.event_id);
    }
    assert!(
        events.contains(&format!("{reference}:delivered")),
        "{events:?}"
    );
    assert!(
        !events.contains(&format!("{reference}:delayed")),
        "{events:?}"
    );
    let messages = after.get(&format!("/messages?id={id}")).await;
    assert_eq!(
        messages["messages"][0]["recipient"],
        "delay@simulator.notify"
    );
    after.until(|stats| stats.receipts_pending == 0).await;
    assert_eq!(after.sandbox.stats().accepted, 3);
}

#[actix_web::test]
async fn an_answered_call_is_in_the_log() {
    let stage = Stage::new();
    for i in 0..50 {
        let (id, reference) = stage.accept(&format!("amala{i}@example.com")).await;
        let log = std::fs::read_to_string(stage.log_file()).unwrap();
        let is_call = |line: &&str| line.starts_with(r#"{"type":"call","#);
        let last: serde_json::Value =
            serde_json::from_str(log.lines().rfind(is_call).unwrap()).unwrap();
        assert_eq!(
            (&last["id"], &last["reference"]),
            (&json!(id), &json!(reference))
        );
    }
}

#[actix_web::test]
async fn refusals_are_remembered_over_a_restart() {
    let before = Stage::new();
    let id = NotificationId::mint();
    before.send(id, "fail@simulator.notify").await;
    before.send(id, "fail@simulator.notify").await;
    let after = Stage::restarted_from(&before);
    let outcome = after.send(id, "fail@simulator.notify").await;
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
}

#[actix_web::test]
async fn an_emptied_log_still_owes_its_receipts() {
    let mut stage = Stage::new();
    stage.change(json!({"hold_receipts": true})).await;
    let (id, _) = stage.accept("complaint@simulator.notify").await;
    stage.delete_messages().await;
    assert_eq!(stage.get("/messages").await, json!({"messages": []}));
    assert_eq!(
        stage.get("/stats").await,
        json!({
            "calls": 0, "accepted": 0, "distinct_ids": 0, "duplicates": 0,
            "receipts_pending": 2, "receipts_sent": 0,
        })
    );
    let log = std::fs::read_to_string(stage.log_file()).unwrap();
    assert_eq!(log.lines().count(), 1, "{log}");

    let mut after = Stage::restarted_from(&stage);
    assert_eq!(after.inbox.next().await.1.notification_id, Some(id));
    assert_eq!(after.inbox.next().await.1.notification_id, Some(id));
    stage.change(json!({"hold_receipts": false})).await;
    stage.inbox.next().await;
    stage.inbox.next().await;
    stage.until(|stats| stats.receipts_pending == 0).await;
}
