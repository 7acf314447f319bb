//! Crash points: each process is killed at each arrow of the flow; nothing is lost, and a second
//! provider call is on the timeline.

use std::collections::HashMap;
use std::time::Duration;

use carillon_test_support::{Member, Stack, StackOptions, eventually};

const N: usize = 30;

/// Short leases, so that what a dead worker held is sent on soon.
fn options() -> StackOptions {
    StackOptions {
        env: vec![
            ("CARILLON__DELIVERY__LEASE_S", "7".to_owned()),
            ("CARILLON__CALLBACKS__TIMEOUT_MS", "1000".to_owned()),
            ("CARILLON__DELIVERY__PROVIDER_TIMEOUT_MS", "1000".to_owned()),
            // Scripted failures in a row are no reason to leave the sandbox alone here.
            ("CARILLON__DELIVERY__BREAKER_FAILURES", "1000".to_owned()),
            ("CARILLON__POLLER__RESCUE_INTERVAL_MS", "500".to_owned()),
            ("CARILLON__POLLER__MARKER_INTERVAL_MS", "500".to_owned()),
        ],
        ..StackOptions::default()
    }
}

fn crash_at(point: &str) -> [(&'static str, String); 1] {
    [("FAILPOINTS", format!("{point}=return"))]
}

/// Every provider call beyond the first is explained on its message's timeline.
async fn assert_calls_are_explained(stack: &Stack) {
    let mut calls: HashMap<String, usize> = HashMap::new();
    for call in stack.sandbox_calls().await {
        *calls
            .entry(call["id"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    for (id, n_calls) in calls.iter().filter(|(_, n)| **n > 1) {
        let timeline = stack.timeline(id).await;
        let explained = timeline
            .iter()
            .filter(|(event, reason)| {
                event == "rescued"
                    || event == "attempted-late"
                    || (event == "attempted" && reason.is_some())
            })
            .count();
        assert!(
            *n_calls <= 1 + explained,
            "{n_calls} calls for {id}: {timeline:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_at_each_arrow_loses_nothing() {
    let mut stack = Stack::start(options()).await;
    let mut n_sent = 0;
    for point in [
        "worker.save.read",
        "worker.save.committed",
        "worker.save.published",
        "worker.deliver.claimed",
        "worker.deliver.answered",
        "worker.deliver.marked",
        "worker.receipts.applied",
    ] {
        stack.kill_worker();
        stack.launch_process(Member::Worker, &crash_at(point));
        for n in 0..N {
            stack.send_email(&format!("n{n}@example.org"), point).await;
        }
        n_sent += N;
        let status = stack
            .process(Member::Worker)
            .ended(Duration::from_secs(60))
            .await;
        assert!(!status.success(), "{point}");
        stack.start_worker(&[]).await;
        let what = format!("all are delivered after a crash at {point}");
        eventually(&what, Duration::from_secs(60), async || {
            (stack.status_count("delivered").await == n_sent as i64).then_some(())
        })
        .await;
    }
    assert_calls_are_explained(&stack).await;
    stack.assert_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poller_killed_between_relay_and_publish_loses_nothing() {
    let mut stack = Stack::start(options()).await;
    stack.kill_poller();
    for n in 0..N {
        // Fails twice, so that it waits for the poller.
        stack
            .send_email(&format!("fail+{n}@simulator.notify"), "Ada")
            .await;
    }
    let waiting = "SELECT count(*) FROM notifications WHERE due_at IS NOT NULL";
    eventually(
        "all wait for a retry",
        Duration::from_secs(30),
        async || (stack.database.number(waiting).await == N as i64).then_some(()),
    )
    .await;
    // Time enough for every retry to be due.
    stack.database.advance_clock(Duration::from_secs(10)).await;
    stack.launch_process(Member::Poller, &crash_at("poller.relay.committed"));
    let status = stack
        .process(Member::Poller)
        .ended(Duration::from_secs(60))
        .await;
    assert!(!status.success());
    stack.start_poller(&[]).await;
    // The rows are on their way and in no queue; minutes later the watermark proves it.
    stack.database.advance_clock(Duration::from_secs(120)).await;
    eventually("all are delivered", Duration::from_secs(60), async || {
        (stack.status_count("delivered").await == N as i64).then_some(())
    })
    .await;
    let fell_out = "SELECT count(*) FROM notification_events WHERE reason = 'fell-out'";
    assert!(stack.database.number(fell_out).await > 0);
    stack.assert_settled().await;
}

/// The API is ready without the broker; these crashes want it connected.
async fn until_connected(stack: &Stack) {
    let url = format!("{}/metrics", stack.api_url);
    eventually(
        "the API is connected to the broker",
        Duration::from_secs(30),
        async || {
            let metrics = reqwest::get(&url).await.ok()?.text().await.ok()?;
            metrics
                .contains("carillon_broker_connected 1")
                .then_some(())
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_killed_around_its_answer_keeps_what_it_accepted() {
    let mut stack = Stack::start(options()).await;
    // Killed before the publish there is nothing; after the confirm or the commit the message is
    // delivered, though the client was not told.
    for (point, n_kept) in [
        ("api.accept.before-publish", 0),
        ("api.accept.confirmed", 1),
        ("api.accept.saved", 1),
    ] {
        let before = stack.status_count("delivered").await;
        stack.kill_api();
        if point == "api.accept.saved" {
            // No broker there: the way leads to PostgreSQL.
            let [failpoint] = crash_at(point);
            let nowhere = ("AMQP_URL", "amqp://127.0.0.1:1/%2f".to_owned());
            stack.start_api(&[failpoint, nowhere]).await;
        } else {
            stack.start_api(&crash_at(point)).await;
            until_connected(&stack).await;
        }
        assert!(
            stack.try_send_email("a@example.org", point).await.is_err(),
            "{point}"
        );
        stack
            .process(Member::Api)
            .ended(Duration::from_secs(30))
            .await;
        stack.start_api(&[]).await;
        let id = stack.send_email("b@example.org", point).await;
        stack.until_status(&id, "delivered").await;
        stack.assert_settled().await;
        assert_eq!(
            stack.status_count("delivered").await,
            before + 1 + n_kept,
            "{point}"
        );
    }
}
