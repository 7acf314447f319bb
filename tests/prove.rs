//! The long acceptance lines of each capability: `./dev prove [NAME…]`. Each test is one line and
//! prints the figures it saw.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use carillon_test_support::{Member, OwnPostgres, OwnRabbitmq, Stack, StackOptions, eventually};
use futures::StreamExt;
use lapin::options::QueueDeleteOptions;
use lapin::{Connection, ConnectionProperties};
use serde_json::json;

/// A client with 64 connections that keeps count.
struct Load {
    client: reqwest::Client,
    url: String,
    auth: String,
    template: String,
}

/// What a run of posts saw.
#[derive(Debug, Default)]
struct Seen {
    accepted: usize,
    refused: usize,
    times: Vec<Duration>,
}

impl Seen {
    fn p99(&mut self) -> Duration {
        self.times.sort_unstable();
        self.times
            .get(self.times.len() * 99 / 100)
            .copied()
            .unwrap_or_default()
    }
}

impl Load {
    fn of(stack: &Stack) -> Self {
        Self {
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            url: format!("{}/email", stack.api_url),
            auth: stack.key(),
            template: stack.demo("EMAIL_TEMPLATE_ID").to_owned(),
        }
    }

    /// Posts one message; whether it was accepted, and how long the answer took.
    async fn post(&self, n: usize) -> (bool, Duration) {
        let asked = Instant::now();
        let body = json!({
            "email_address": format!("n{n}@example.org"), "template_id": self.template,
            "personalisation": {"name": n},
        });
        let answer = self
            .client
            .post(&self.url)
            .header("Authorization", &self.auth)
            .json(&body)
            .send();
        let is_accepted = answer.await.is_ok_and(|answer| answer.status() == 201);
        (is_accepted, asked.elapsed())
    }

    async fn posts(&self, n: usize, concurrency: usize) -> Seen {
        let mut seen = Seen::default();
        let mut answers = futures::stream::iter(0..n)
            .map(|n| self.post(n))
            .buffer_unordered(concurrency);
        while let Some((is_accepted, time)) = answers.next().await {
            seen.accepted += usize::from(is_accepted);
            seen.refused += usize::from(!is_accepted);
            seen.times.push(time);
        }
        seen
    }

    /// Posts at a steady rate for a while.
    async fn steadily(&self, per_second: u32, time: Duration) -> Seen {
        let mut seen = Seen::default();
        let mut tick = tokio::time::interval(Duration::from_secs(1) / per_second);
        let until = tokio::time::Instant::now() + time;
        let mut flying = futures::stream::FuturesUnordered::new();
        let mut n = 0;
        loop {
            tokio::select! {
                _ = tick.tick() => {
                    if tokio::time::Instant::now() >= until {
                        break;
                    }
                    flying.push(self.post(n));
                    n += 1;
                }
                Some((is_accepted, time)) = flying.next() => {
                    seen.accepted += usize::from(is_accepted);
                    seen.refused += usize::from(!is_accepted);
                    seen.times.push(time);
                }
            }
        }
        while let Some((is_accepted, time)) = flying.next().await {
            seen.accepted += usize::from(is_accepted);
            seen.refused += usize::from(!is_accepted);
            seen.times.push(time);
        }
        seen
    }
}

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
async fn first_light_worker_killed_twenty_times_and_rabbitmq_restarted() {
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
async fn first_light_postgresql_stopped_for_minutes() {
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
async fn first_light_rabbitmq_stopped_and_paused_for_a_minute_each() {
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
async fn first_light_a_backlog_of_100_000_behind_a_slow_provider_is_not_rescued() {
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
async fn first_light_a_deleted_send_queue_is_made_good_within_two_minutes() {
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
