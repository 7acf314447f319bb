//! What fails for a while is tried again; what fails for good ends at once; every try is on record.

use carillon_test_support::{Stack, StackOptions};

fn reasons(timeline: &[(String, Option<String>)]) -> Vec<(&str, &str)> {
    timeline
        .iter()
        .map(|(event, reason)| (event.as_str(), reason.as_deref().unwrap_or("-")))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn scripted_outcomes_end_as_they_should_with_every_try_on_the_timeline() {
    let stack = Stack::start(StackOptions {
        env: vec![
            ("CARILLON__RETRY__SCALE", "0.002".to_owned()),
            ("CARILLON__DELIVERY__PROVIDER_TIMEOUT_MS", "1000".to_owned()),
            ("CARILLON__RETRY__MAX_ATTEMPTS", "3".to_owned()),
        ],
        ..StackOptions::default()
    })
    .await;
    let send = async |who: &str| {
        stack
            .send_email(&format!("{who}@simulator.notify"), "Ada")
            .await
    };

    let permanent = send("perm-fail").await;
    let temporary = send("temp-fail").await;
    let complaint = send("complaint").await;
    let delayed = send("delay").await;
    let throttled = send("throttle").await;
    let failing = send("fail").await;
    let rejected = send("reject").await;
    let hanging = send("hang").await;
    let reset = send("reset").await;
    let sms_permanent = stack.send_sms("07700900002", "Ada").await;
    let sms_temporary = stack.send_sms("07700900003", "Ada").await;

    stack.until_status(&permanent, "permanent-failure").await;
    stack.until_status(&temporary, "temporary-failure").await;
    stack
        .until_status(&sms_permanent, "permanent-failure")
        .await;
    stack
        .until_status(&sms_temporary, "temporary-failure")
        .await;
    for id in [&complaint, &delayed, &throttled, &failing, &reset] {
        stack.until_status(id, "delivered").await;
    }
    for id in [&rejected, &hanging] {
        stack.until_status(id, "technical-failure").await;
    }

    let timeline = stack.timeline(&failing).await;
    assert_eq!(
        reasons(&timeline),
        [
            ("accepted", "-"),
            ("attempted", "provider-failure"),
            ("attempted", "provider-failure"),
            ("attempted", "-"),
            ("receipt", "receipt-delivered"),
        ]
    );
    let timeline = stack.timeline(&throttled).await;
    assert_eq!(
        timeline
            .iter()
            .filter(|e| e.1.as_deref() == Some("provider-rate"))
            .count(),
        2
    );
    let timeline = stack.timeline(&rejected).await;
    assert_eq!(
        reasons(&timeline),
        [("accepted", "-"), ("failed", "provider-rejected")]
    );
    let timeline = stack.timeline(&hanging).await;
    assert_eq!(
        reasons(&timeline),
        [
            ("accepted", "-"),
            ("attempted", "answer-lost"),
            ("attempted", "answer-lost"),
            ("failed", "answer-lost"),
        ]
    );
    let timeline = stack.timeline(&delayed).await;
    assert!(reasons(&timeline).contains(&("receipt", "receipt-delayed")));
    let timeline = stack.timeline(&reset).await;
    assert!(
        reasons(&timeline).contains(&("attempted", "answer-lost")),
        "{timeline:?}"
    );
    stack.assert_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_provider_is_slowed_down_to_and_everything_arrives_once() {
    let stack = Stack::start(StackOptions {
        sandbox_env: vec![("CARILLON__SANDBOX__THROTTLE_PER_SECOND", "100".to_owned())],
        ..StackOptions::default()
    })
    .await;
    for n in 0..600 {
        stack.send_email(&format!("n{n}@example.org"), "Ada").await;
    }
    stack.assert_settled().await;
    assert_eq!(stack.status_count("delivered").await, 600);
    let stats = stack.sandbox_stats().await;
    assert_eq!(stats["duplicates"], 0, "{stats}");
    let rescued = "SELECT count(*) FROM notification_events WHERE event = 'rescued'";
    assert_eq!(stack.database.number(rescued).await, 0);
}
