//! Jobs that are stopped, and what becomes of their rows whatever dies meanwhile.

use std::time::Duration;

use carillon_test_support::{Member, Stack, eventually};
use serde_json::json;

use super::{ROWS, ask, job, options, submit, until_stopped};

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_while_it_cancels_the_rows_of_a_job_leaves_none_to_be_sent() {
    let mut stack = Stack::start(options()).await;
    stack
        .control_sandbox(&json!({"throttle_per_second": 1}))
        .await;
    let id = submit(&stack, ROWS, None).await;
    eventually("all are saved", Duration::from_secs(60), async || {
        (job(&stack, &id).await["status"] == "finished").then_some(())
    })
    .await;
    stack.kill_worker();
    ask(&stack, &id, "cancel").await;
    let crash = [("FAILPOINTS", "worker.job.rows-changed=return".to_owned())];
    stack.launch_process(Member::Worker, &crash);
    let ended = stack
        .process(Member::Worker)
        .ended(Duration::from_secs(60))
        .await;
    assert!(!ended.success());
    let n_cancelled = stack.status_count("cancelled").await;
    assert!(n_cancelled > 0, "it died after a page");
    stack
        .control_sandbox(&json!({"throttle_per_second": 0}))
        .await;
    stack.start_worker(&[]).await;
    let changing = "SELECT count(*) FROM jobs WHERE row_change IS NOT NULL";
    eventually(
        "all rows follow the job",
        Duration::from_secs(90),
        async || (stack.database.number(changing).await == 0).then_some(()),
    )
    .await;
    stack.assert_settled().await;
    let (cancelled, delivered) = (
        stack.status_count("cancelled").await,
        stack.status_count("delivered").await,
    );
    assert_eq!(cancelled + delivered, ROWS as i64);
    assert!(cancelled >= n_cancelled);
    let twice = "SELECT count(*) FROM (
        SELECT FROM notification_events WHERE event = 'cancelled'
        GROUP BY notification_id HAVING count(*) > 1) x";
    assert_eq!(stack.database.number(twice).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_service_is_suspended_before_its_time_never_starts() {
    let stack = Stack::start(options()).await;
    let at = carillon_core::clock::now() + chrono::Duration::hours(1);
    let id = submit(&stack, ROWS, Some(at.to_rfc3339())).await;
    stack
        .database
        .execute("UPDATE services SET active = false")
        .await;
    stack
        .database
        .advance_clock(Duration::from_secs(3_700))
        .await;
    until_stopped(&stack, &id, "cancelled", "service-inactive").await;
    let changing = "SELECT count(*) FROM jobs WHERE row_change IS NOT NULL";
    // Without waiting for the lease of the chunk at which it ended.
    eventually(
        "nothing is left to do",
        Duration::from_secs(30),
        async || (stack.database.number(changing).await == 0).then_some(()),
    )
    .await;
    let rows = "SELECT count(*) FROM notifications";
    assert_eq!(stack.database.number(rows).await, 0);
    let held = "SELECT count(*) FROM job_chunks WHERE lease_token IS NOT NULL";
    assert_eq!(stack.database.number(held).await, 0);
}
