//! What every other test stands on does what it says.

use std::time::Duration;

use carillon_test_support::{Member, OwnPostgres, Process, Stack, StackOptions, TestDatabase};
use serde_json::json;

#[tokio::test]
async fn databases_are_migrated_and_each_has_its_own_clock() {
    let (one, two) = (TestDatabase::create().await, TestDatabase::create().await);
    assert_ne!(one.url, two.url);
    one.advance_clock(Duration::from_secs(1_000)).await;
    one.advance_clock(Duration::from_millis(500)).await;
    let moved = "SELECT extract(epoch FROM carillon_now() - clock_timestamp())::bigint";
    assert!((1_000..=1_001).contains(&one.number(moved).await));
    assert_eq!(two.number(moved).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgresql_of_one_s_own_stops_and_starts_with_its_data() {
    let server = OwnPostgres::new().await;
    let database = server.database().await;
    database
        .execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
        .await;
    for stop_in_order in [true, false] {
        if stop_in_order {
            server.stop().await;
        } else {
            server.kill().await;
        }
        assert!(
            tokio_postgres::connect(&database.url, tokio_postgres::NoTls)
                .await
                .is_err()
        );
        server.start().await;
        assert_eq!(database.number("SELECT n::bigint FROM kept").await, 7);
    }
    server.pause().await;
    let asked = tokio::time::timeout(Duration::from_millis(300), database.client());
    assert!(asked.await.is_err(), "it is frozen");
    server.resume().await;
    assert_eq!(database.number("SELECT n::bigint FROM kept").await, 7);
    server.destroy().await;
}

#[tokio::test]
async fn a_process_that_cannot_start_says_why_in_its_log() {
    let mut process = Process::start("carillon-api", [("DATABASE_URL", "nonsense")], &[]);
    let status = process.ended(Duration::from_secs(20)).await;
    assert!(!status.success());
    assert!(!process.logs().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_delivers_survives_kills_and_settles() {
    let mut stack = Stack::start(StackOptions::default()).await;
    let email = stack.send_email("ada@example.com", "Ada").await;
    let sms = stack.send_sms("07700900123", "Ada").await;
    stack.until_status(&email, "delivered").await;
    stack.until_status(&sms, "delivered").await;
    let events: Vec<_> = stack
        .timeline(&email)
        .await
        .into_iter()
        .map(|(event, _)| event)
        .collect();
    assert_eq!(events, ["accepted", "attempted", "receipt"]);

    stack.control_sandbox(&json!({ "fail_all": true })).await;
    stack.kill_worker();
    let late = stack.send_email("eve@example.com", "Eve").await;
    stack.start_worker(&[]).await;
    stack.control_sandbox(&json!({ "fail_all": false })).await;
    stack.until_status(&late, "delivered").await;
    stack.assert_settled().await;

    assert_eq!(stack.status_count("delivered").await, 3);
    assert!(stack.sandbox_calls().await.len() >= 3);
    assert!(stack.sandbox_stats().await.is_object());
    assert!(stack.terminate_process(Member::Poller).await.success());
}
