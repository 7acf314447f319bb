//! Poison in a queue is set aside with its reason while its neighbours flow.

use std::time::Duration;

use carillon_test_support::{Stack, StackOptions, amqp_url, eventually};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use serde_json::{Value, json};

async fn publish(queue: &str, task: &str, body: &[u8]) {
    let connection = Connection::connect(&amqp_url(), ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    let mut headers = FieldTable::default();
    headers.insert("x-version".into(), AMQPValue::ShortUInt(1));
    let properties = BasicProperties::default()
        .with_type(task.into())
        .with_headers(headers);
    let options = BasicPublishOptions {
        mandatory: true,
        ..Default::default()
    };
    let confirm = channel
        .basic_publish("".into(), queue.into(), options, body, properties)
        .await
        .unwrap()
        .await
        .unwrap();
    assert!(confirm.is_ack() && confirm.take_message().is_none());
    connection.close(200, "done".into()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_poison_is_quarantined_and_its_neighbours_are_delivered() {
    let stack = Stack::start(StackOptions::default()).await;
    let good = |name: &str| {
        json!({
            "id": carillon_core::id::NotificationId::mint(),
            "service_id": stack.demo("SERVICE_ID"),
            "api_key_id": uuid::Uuid::new_v4(),
            "key_type": "normal", "channel": "email", "lane": "normal",
            "template_id": stack.demo("EMAIL_TEMPLATE_ID"), "template_version": 1,
            "recipient": "a@example.org", "normalised_recipient": "a@example.org",
            "personalisation": {"name": name},
            "created_at": carillon_core::clock::now(),
        })
    };
    let database = format!("{}database", stack.prefix);
    let save = "save-notifications";
    // In one message: a neighbour, one that PostgreSQL refuses, one that is no notification, one
    // whose id has no place, and another neighbour.
    let mut refused = good("x\u{0}y");
    refused["recipient"] = json!("nul\u{0}@example.org");
    let mut too_old = good("old");
    too_old["id"] = json!("01000000-0000-7000-8000-000000000000");
    let batch = json!([good("first"), refused, {"id": 7}, too_old, good("last")]);
    publish(&database, save, batch.to_string().as_bytes()).await;
    publish(&database, save, b"[{]").await;
    publish(&database, "save-the-whales", b"{}").await;
    publish(&format!("{}send-email", stack.prefix), "deliver", b"\xff").await;
    // Of long ago: one of this hour would be parked, for its notification may yet be saved.
    let unknown = json!({"receipts": [{
        "notification_id": "0198c6a2-5d3e-7000-8000-000000000001", "event_id": "e",
        "provider": "sandbox", "reference": "r", "kind": "delivered",
        "at": carillon_core::clock::now(),
    }]});
    let receipts = format!("{}ses-callbacks", stack.prefix);
    publish(&receipts, "apply-receipts", unknown.to_string().as_bytes()).await;
    let id = stack.send_email("after@example.org", "Ada").await;

    stack.until_status(&id, "delivered").await;
    eventually(
        "both neighbours are delivered too",
        Duration::from_secs(30),
        async || (stack.status_count("delivered").await == 3).then_some(()),
    )
    .await;
    let client = stack.database.client().await;
    let reasons = eventually(
        "everything else is in quarantine",
        Duration::from_secs(30),
        async || {
            let rows = client
                .query("SELECT reason FROM quarantine ORDER BY reason", &[])
                .await
                .unwrap();
            (rows.len() == 7).then(|| {
                rows.iter()
                    .map(|row| row.get::<_, String>(0))
                    .collect::<Vec<_>>()
            })
        },
    )
    .await;
    assert_eq!(
        reasons,
        [
            "id-out-of-range",
            "malformed",
            "malformed",
            "malformed",
            "refused-by-database",
            "unknown-notification",
            "unknown-task",
        ]
    );
    let payloads: Value = {
        let rows = client
            .query(
                "SELECT payload FROM quarantine WHERE reason = 'refused-by-database'",
                &[],
            )
            .await
            .unwrap();
        serde_json::from_slice(&rows[0].get::<_, Vec<u8>>(0)).unwrap()
    };
    assert_eq!(payloads["recipient"], "nul\u{0}@example.org");
    assert_eq!(stack.dead_letters().await, 0);
}
