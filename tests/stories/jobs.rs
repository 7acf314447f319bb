//! Jobs that are interrupted: at each arrow of their way a process is killed or a message is lost,
//! and each row is sent once all the same, without an operator.

mod stopped;
mod storage;

use std::time::Duration;

use carillon_test_support::{Member, Stack, StackOptions, amqp_url, eventually};
use lapin::options::QueuePurgeOptions;
use lapin::{Connection, ConnectionProperties};
use reqwest::Method;
use serde_json::{Value, json};

const ROWS: usize = 60;

/// Short leases and small chunks, so that a job has many and what a dead worker held is taken over
/// soon.
fn options() -> StackOptions {
    StackOptions {
        env: vec![
            ("CARILLON__DELIVERY__LEASE_S", "7".to_owned()),
            ("CARILLON__CALLBACKS__TIMEOUT_MS", "1000".to_owned()),
            ("CARILLON__DELIVERY__PROVIDER_TIMEOUT_MS", "1000".to_owned()),
            ("CARILLON__POLLER__RESCUE_INTERVAL_MS", "500".to_owned()),
            ("CARILLON__POLLER__MARKER_INTERVAL_MS", "500".to_owned()),
            ("CARILLON__JOBS__ROWS_PER_CHUNK", "5".to_owned()),
            ("CARILLON__JOBS__CHUNK_LEASE_S", "10".to_owned()),
        ],
        ..StackOptions::default()
    }
}

async fn submit(stack: &Stack, n_rows: usize, scheduled_for: Option<String>) -> String {
    let header = vec!["email address".to_owned(), "name".to_owned()];
    let rows = (0..n_rows).map(|n| vec![format!("n{n}@example.org"), format!("Name {n}")]);
    let body = json!({
        "template_id": stack.demo("EMAIL_TEMPLATE_ID"),
        "name": "A mailing",
        "rows": std::iter::once(header).chain(rows).collect::<Vec<_>>(),
        "scheduled_for": scheduled_for,
    });
    let (status, answer) = stack.post("/bulk", &stack.key(), &body).await;
    assert_eq!(status, 201, "{answer}");
    answer["data"]["id"].as_str().unwrap().to_owned()
}

async fn job(stack: &Stack, id: &str) -> Value {
    let path = format!("/api/jobs/{id}");
    let (status, job) = stack.get(&path, &stack.admin()).await;
    assert_eq!(status, 200, "{job}");
    job
}

/// Asks an administrator's verb of a job.
async fn ask(stack: &Stack, id: &str, verb: &str) {
    let path = format!("/api/jobs/{id}/{verb}");
    let answer = stack
        .request(Method::POST, &path, &stack.admin(), None)
        .await;
    let (status, answer) = answer.unwrap();
    assert!((200..300).contains(&status), "{status} {answer}");
}

/// Waits until the job is in a status for a reason.
async fn until_stopped(stack: &Stack, id: &str, status: &str, reason: &str) {
    let what = format!("the job is {status}: {reason}");
    eventually(&what, Duration::from_secs(60), async || {
        let job = job(stack, id).await;
        (job["status"] == status && job["status_reason"] == reason).then_some(())
    })
    .await;
}

/// Waits until the job is finished and every row is delivered, and looks whether each is there once.
async fn until_delivered(stack: &Stack, id: &str, n_rows: usize, what: &str) {
    let delivered = format!(
        "SELECT count(*) FROM notifications WHERE job_id = '{id}' AND status = 'delivered'"
    );
    eventually(what, Duration::from_secs(90), async || {
        (stack.database.number(&delivered).await == n_rows as i64).then_some(())
    })
    .await;
    eventually("the job is finished", Duration::from_secs(30), async || {
        (job(stack, id).await["status"] == "finished").then_some(())
    })
    .await;
    let distinct = format!(
        "SELECT count(DISTINCT job_row) * 1000000 + count(*) FROM notifications WHERE job_id = '{id}'"
    );
    let n = n_rows as i64;
    assert_eq!(stack.database.number(&distinct).await, n * 1_000_000 + n);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_at_each_arrow_of_a_job_makes_each_row_once() {
    let mut stack = Stack::start(options()).await;
    for point in ["worker.job.committed", "worker.job.published"] {
        stack.kill_worker();
        let crash = [("FAILPOINTS", format!("{point}=return"))];
        stack.launch_process(Member::Worker, &crash);
        let id = submit(&stack, ROWS, None).await;
        let ended = stack
            .process(Member::Worker)
            .ended(Duration::from_secs(60))
            .await;
        assert!(!ended.success(), "{point}");
        stack.start_worker(&[]).await;
        let what = format!("every row is delivered after a crash at {point}");
        until_delivered(&stack, &id, ROWS, &what).await;
    }
    stack.assert_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_first_tasks_were_deleted_from_the_broker_finishes() {
    let mut stack = Stack::start(options()).await;
    stack.kill_worker();
    let id = submit(&stack, ROWS, None).await;
    let connection = Connection::connect(&amqp_url(), ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    let queue = format!("{}jobs", stack.prefix);
    let n_deleted = eventually(
        "its tasks are in the queue",
        Duration::from_secs(30),
        async || {
            let purge = channel.queue_purge(queue.as_str().into(), QueuePurgeOptions::default());
            let n = purge.await.unwrap();
            (n > 0).then_some(n)
        },
    )
    .await;
    assert!(n_deleted > 0);
    stack.start_worker(&[]).await;
    until_delivered(&stack, &id, ROWS, "every row is delivered").await;
    stack.assert_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poller_killed_between_sending_on_and_publishing_delays_a_scheduled_job_and_loses_nothing()
 {
    let mut stack = Stack::start(options()).await;
    stack.kill_poller();
    let at = carillon_core::clock::now() + chrono::Duration::hours(1);
    let id = submit(&stack, ROWS, Some(at.to_rfc3339())).await;
    assert_eq!(job(&stack, &id).await["status"], "scheduled");
    let crash = [("FAILPOINTS", "poller.jobs.committed=return".to_owned())];
    stack.launch_process(Member::Poller, &crash);
    stack
        .database
        .advance_clock(Duration::from_secs(3_700))
        .await;
    let ended = stack
        .process(Member::Poller)
        .ended(Duration::from_secs(60))
        .await;
    assert!(!ended.success());
    assert_eq!(job(&stack, &id).await["status"], "pending");
    stack.start_poller(&[]).await;
    // It counts as sent on and is in no queue: the queue's watermark proves it.
    stack.database.advance_clock(Duration::from_secs(30)).await;
    until_delivered(&stack, &id, ROWS, "every row is delivered").await;
    stack.assert_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_somebody_deleted_are_found_and_saved_again_with_the_same_ids() {
    let stack = Stack::start(options()).await;
    let id = submit(&stack, ROWS, None).await;
    until_delivered(&stack, &id, ROWS, "every row is delivered").await;
    let ids = format!("SELECT id::text FROM notifications WHERE job_id = '{id}' ORDER BY id");
    let all = async || {
        let rows = stack.database.client().await.query(&ids, &[]).await;
        let rows = rows.unwrap().into_iter();
        rows.map(|row| row.get::<_, String>(0)).collect::<Vec<_>>()
    };
    let before = all().await;
    stack
        .database
        .execute(&format!(
            "DELETE FROM notification_events e USING notifications n
             WHERE e.notification_id = n.id AND n.job_id = '{id}' AND n.job_row IN (7, 8, 33);
             DELETE FROM notifications WHERE job_id = '{id}' AND job_row IN (7, 8, 33);
             UPDATE jobs SET checked_at = NULL WHERE id = '{id}'"
        ))
        .await;
    // The task runs every minute.
    stack.database.advance_clock(Duration::from_secs(60)).await;
    until_delivered(&stack, &id, ROWS, "the missing rows are delivered").await;
    assert_eq!(all().await, before);
    stack.assert_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scheduled_jobs_and_messages_leave_in_time_and_once_with_two_pollers() {
    let stack = Stack::start(options()).await;
    let _second = stack.another(Member::Poller, &[]);
    let at = carillon_core::clock::now() + chrono::Duration::seconds(6);
    let mut jobs = Vec::new();
    for _ in 0..5 {
        jobs.push(submit(&stack, 10, Some(at.to_rfc3339())).await);
    }
    for n in 0..50 {
        let body = json!({
            "email_address": format!("single{n}@example.org"), "scheduled_for": at.to_rfc3339(),
            "template_id": stack.demo("EMAIL_TEMPLATE_ID"), "personalisation": {"name": "Ada"},
        });
        let (status, answer) = stack.post("/email", &stack.key(), &body).await;
        assert_eq!(status, 201, "{answer}");
    }
    eventually("all are delivered", Duration::from_secs(60), async || {
        (stack.status_count("delivered").await == 100).then_some(())
    })
    .await;
    let late = "SELECT (1000 * extract(epoch FROM percentile_disc(0.99) WITHIN GROUP (ORDER BY late)))::bigint
        FROM (SELECT started_at - scheduled_for AS late FROM jobs
              UNION ALL
              SELECT sent_at - scheduled_for FROM notifications WHERE job_id IS NULL) x";
    let late_ms = stack.database.number(late).await;
    println!("p99 late: {late_ms} ms");
    assert!((0..2_000).contains(&late_ms), "{late_ms} ms late");
    let calls = stack.sandbox_calls().await;
    assert_eq!(calls.len(), 100, "each is sent once");
    for id in jobs {
        assert_eq!(job(&stack, &id).await["status"], "finished");
    }
    stack.assert_settled().await;
}
