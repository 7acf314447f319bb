//! First light: what was accepted is sent, whatever is killed, stopped or deleted meanwhile.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use carillon_test_support::{Member, OwnPostgres, OwnRabbitmq, Stack, StackOptions, eventually};
use lapin::options::QueueDeleteOptions;
use lapin::{Connection, ConnectionProperties};
use serde_json::json;

use crate::load::{Load, Seen};

async fn until_delivered(stack: &Stack, n: usize, within: Duration) -> Duration {
    let began = Instant::now();
    eventually(&format!("{n} are delivered"), within, async || {
        (stack.status_count("delivered").await == n as i64).then_some(())
    })
    .await;
    began.elapsed()
}

/// Counts by SQL how often messages were rescued.
async fn n_rescued(stack: &Stack) -> i64 {
    let rescued = "SELECT count(*) FROM notification_events WHERE event = 'rescued'";
    stack.database.number(rescued).await
}

/// Provider calls beyond one per message, and how many of them no timeline explains.
async fn extra_calls(stack: &Stack) -> (usize, usize) {
    let mut calls: HashMap<String, usize> = HashMap::new();
    for call in stack.sandbox_calls().await {
        *calls
            .entry(call["id"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    let (mut n_extra, mut n_unexplained) = (0, 0);
    for (id, n_calls) in calls.into_iter().filter(|(_, n)| *n > 1) {
        let timeline = stack.timeline(&id).await;
        let n_explained = timeline
            .iter()
            .filter(|(event, reason)| {
                matches!(event.as_str(), "rescued" | "attempted-late")
                    || (event == "attempted" && reason.is_some())
            })
            .count();
        n_extra += n_calls - 1;
        n_unexplained += (n_calls - 1).saturating_sub(n_explained);
    }
    (n_extra, n_unexplained)
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_killed_twenty_times_and_rabbitmq_restarted() {
    let rabbitmq = OwnRabbitmq::new().await;
    let mut stack = Stack::start(StackOptions {
        amqp_url: Some(rabbitmq.url().to_owned()),
        ..StackOptions::default()
    })
    .await;
    let load = Load::of(&stack);
    let posting = async {
        let mut seen = Seen::default();
        // In spells, so that the posts last as long as the kills.
        for spell in 0..100 {
            let more = load.posts(100, 16).await;
            seen.accepted += more.accepted;
            seen.refused += more.refused;
            seen.times.extend(more.times);
            if spell % 2 == 0 {
                tokio::time::sleep(Duration::from_millis(400)).await;
            }
        }
        seen
    };
    let killing = async {
        for n in 0..20 {
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            stack.kill_worker();
            stack.launch_process(Member::Worker, &[]);
            if n == 10 {
                rabbitmq.stop().await;
                rabbitmq.start().await;
            }
        }
    };
    let (seen, ()) = tokio::join!(posting, killing);
    let took = until_delivered(&stack, seen.accepted, Duration::from_secs(180)).await;
    stack.assert_settled().await;
    let (n_extra, n_unexplained) = extra_calls(&stack).await;
    println!(
        "posts {} accepted {} delivered {} lost 0 dead-lettered 0; provider calls beyond one per \
         message {n_extra}, unexplained {n_unexplained}; rescued {}; all delivered {took:?} after \
         the last kill",
        seen.accepted + seen.refused,
        seen.accepted,
        seen.accepted,
        n_rescued(&stack).await,
    );
    assert_eq!((seen.accepted, n_unexplained), (10_000, 0));
    rabbitmq.destroy().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_stopped_for_minutes() {
    let postgres = OwnPostgres::new().await;
    let database = postgres.database().await;
    let stack = Stack::start(StackOptions {
        database: Some(database),
        ..StackOptions::default()
    })
    .await;
    let load = Load::of(&stack);
    let warm = load.posts(10, 1).await;
    until_delivered(&stack, warm.accepted, Duration::from_secs(30)).await;
    let minutes = std::time::Duration::from_secs(
        60 * option_env!("CARILLON_PROVE_MINUTES")
            .and_then(|m| m.parse().ok())
            .unwrap_or(3),
    );
    postgres.stop().await;
    let mut seen = load.steadily(50, minutes).await;
    postgres.start().await;
    let took = until_delivered(
        &stack,
        warm.accepted + seen.accepted,
        Duration::from_secs(300),
    )
    .await;
    stack.assert_settled().await;
    let (stats, p99) = (stack.sandbox_stats().await, seen.p99());
    println!(
        "PostgreSQL stopped {minutes:?}: accepted {} refused {} p99 {p99:?}; all delivered {took:?} \
         after it returned; dead-lettered 0; duplicates {}",
        seen.accepted, seen.refused, stats["duplicates"],
    );
    assert_eq!(seen.refused, 0);
    postgres.destroy().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rabbitmq_stopped_and_paused_for_a_minute_each() {
    let rabbitmq = OwnRabbitmq::new().await;
    let stack = Stack::start(StackOptions {
        amqp_url: Some(rabbitmq.url().to_owned()),
        ..StackOptions::default()
    })
    .await;
    let load = Load::of(&stack);
    let mut n = load.posts(10, 1).await.accepted;
    until_delivered(&stack, n, Duration::from_secs(30)).await;
    for outage in ["stopped", "paused"] {
        if outage == "stopped" {
            rabbitmq.stop().await
        } else {
            rabbitmq.pause().await
        }
        let mut seen = load.steadily(50, Duration::from_secs(60)).await;
        if outage == "stopped" {
            rabbitmq.start().await
        } else {
            rabbitmq.resume().await
        }
        n += seen.accepted;
        let took = until_delivered(&stack, n, Duration::from_secs(180)).await;
        let stats = stack.sandbox_stats().await;
        let p99 = seen.p99();
        println!(
            "RabbitMQ {outage} 60 s: accepted {} refused {} p99 {p99:?}; all delivered {took:?} \
             after it returned; duplicates {}",
            seen.accepted, seen.refused, stats["duplicates"],
        );
        assert_eq!((seen.refused, &stats["duplicates"]), (0, &0.into()));
        assert!(p99 < Duration::from_secs(1), "{p99:?}");
    }
    stack.assert_settled().await;
    rabbitmq.destroy().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_of_100_000_behind_a_slow_provider_is_not_rescued() {
    let stack = Stack::start(StackOptions {
        sandbox_env: vec![("CARILLON__SANDBOX__THROTTLE_PER_SECOND", "200".to_owned())],
        ..StackOptions::default()
    })
    .await;
    let began = Instant::now();
    let seen = Load::of(&stack).posts(100_000, 64).await;
    println!(
        "100,000 posts in {:?}, accepted {}",
        began.elapsed(),
        seen.accepted
    );
    assert_eq!(seen.accepted, 100_000);
    until_delivered(&stack, 100_000, Duration::from_secs(900)).await;
    stack.assert_settled().await;
    let (rescued, stats) = (n_rescued(&stack).await, stack.sandbox_stats().await);
    println!(
        "all delivered after {:?}; rescues {rescued}, duplicates {}, provider calls {}",
        began.elapsed(),
        stats["duplicates"],
        stats["calls"],
    );
    assert_eq!((rescued, &stats["duplicates"]), (0, &0.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_send_queue_is_made_good_within_two_minutes() {
    let stack = Stack::start(StackOptions {
        sandbox_env: vec![("CARILLON__SANDBOX__THROTTLE_PER_SECOND", "20".to_owned())],
        ..StackOptions::default()
    })
    .await;
    let seen = Load::of(&stack).posts(3_000, 32).await;
    let amqp = carillon_test_support::amqp_url();
    let connection = Connection::connect(&amqp, ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    let name = format!("{}send-email", stack.prefix);
    let n_deleted = channel
        .queue_delete(name.as_str().into(), QueueDeleteOptions::default())
        .await
        .unwrap();
    let began = Instant::now();
    stack
        .control_sandbox(&json!({"throttle_per_second": 0}))
        .await;
    assert!(n_deleted > 0, "the queue was empty already");
    until_delivered(&stack, seen.accepted, Duration::from_secs(120)).await;
    println!(
        "queue deleted with {n_deleted} messages in it: all {} delivered within {:?}, rescued {}",
        seen.accepted,
        began.elapsed(),
        n_rescued(&stack).await,
    );
    stack.assert_settled().await;
}
