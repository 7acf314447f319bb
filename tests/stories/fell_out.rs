//! Rows that are in no queue are found by the watermark and sent on.

use std::time::Duration;

use carillon_test_support::{Stack, StackOptions, amqp_url, eventually};
use lapin::options::QueueDeleteOptions;
use lapin::{Connection, ConnectionProperties};

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_send_queue_s_messages_are_rescued() {
    let mut stack = Stack::start(StackOptions {
        env: vec![("CARILLON__POLLER__RESCUE_INTERVAL_MS", "500".to_owned())],
        ..StackOptions::default()
    })
    .await;
    // A worker that saves and does not deliver.
    stack.kill_worker();
    let saves_only = [("CARILLON_WORKER_QUEUES", "database".to_owned())];
    stack.start_worker(&saves_only).await;
    let mut ids = Vec::new();
    for n in 0..30 {
        ids.push(stack.send_email(&format!("n{n}@example.org"), "Ada").await);
    }
    for id in &ids {
        stack.notification(id).await;
    }
    stack.kill_worker();
    let connection = Connection::connect(&amqp_url(), ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    for queue in ["send-email", "retry"] {
        let name = format!("{}{queue}", stack.prefix);
        channel
            .queue_delete(name.as_str().into(), QueueDeleteOptions::default())
            .await
            .unwrap();
    }
    stack.start_worker(&[]).await;
    // Minutes pass: leases run out, and markers of the queue that is back come through.
    stack.database.advance_clock(Duration::from_secs(180)).await;
    eventually("all are delivered", Duration::from_secs(60), async || {
        (stack.status_count("delivered").await == 30).then_some(())
    })
    .await;
    let rescued = "SELECT count(*) FROM notification_events WHERE event = 'rescued'";
    assert!(stack.database.number(rescued).await > 0);
    stack.assert_settled().await;
}
