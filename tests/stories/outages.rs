//! PostgreSQL or RabbitMQ away for a while: posts are still answered 201, and everything is
//! delivered once they are back. The long outages are in `./dev prove first-light`.

use std::time::{Duration, Instant};

use carillon_test_support::{OwnPostgres, OwnRabbitmq, Stack, StackOptions, eventually};

/// Sends one message after the other for a while; returns the ids and the slowest answer.
async fn send_for(stack: &Stack, time: Duration) -> (Vec<String>, Duration) {
    let began = Instant::now();
    let (mut ids, mut slowest) = (Vec::new(), Duration::ZERO);
    while began.elapsed() < time {
        let asked = Instant::now();
        ids.push(stack.send_email("ada@example.org", "Ada").await);
        slowest = slowest.max(asked.elapsed());
    }
    (ids, slowest)
}

async fn all_are_delivered_once(stack: &Stack, n: usize) {
    eventually("all are delivered", Duration::from_secs(90), async || {
        (stack.status_count("delivered").await == n as i64).then_some(())
    })
    .await;
    stack.assert_settled().await;
    let stats = stack.sandbox_stats().await;
    assert_eq!(
        (&stats["duplicates"], &stats["distinct_ids"]),
        (&0.into(), &n.into()),
        "{stats}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn while_postgresql_is_down_posts_are_accepted_and_delivered_after_it_returns() {
    let postgres = OwnPostgres::new().await;
    let database = postgres.database().await;
    let stack = Stack::start(StackOptions {
        database: Some(database),
        ..StackOptions::default()
    })
    .await;
    let warm = stack.send_email("ada@example.org", "Ada").await;
    stack.until_status(&warm, "delivered").await;

    postgres.stop().await;
    let (ids, slowest) = send_for(&stack, Duration::from_secs(8)).await;
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    postgres.start().await;
    all_are_delivered_once(&stack, ids.len() + 1).await;
    postgres.destroy().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_rabbitmq_is_down_or_silent_posts_are_accepted_into_postgresql() {
    let rabbitmq = OwnRabbitmq::new().await;
    let options = StackOptions {
        amqp_url: Some(rabbitmq.url().to_owned()),
        ..StackOptions::default()
    };
    let stack = Stack::start(options).await;
    let warm = stack.send_email("ada@example.org", "Ada").await;
    stack.until_status(&warm, "delivered").await;

    rabbitmq.pause().await;
    let (silent, slowest) = send_for(&stack, Duration::from_secs(6)).await;
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    rabbitmq.resume().await;
    rabbitmq.stop().await;
    let (down, slowest) = send_for(&stack, Duration::from_secs(4)).await;
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    rabbitmq.start().await;
    all_are_delivered_once(&stack, 1 + silent.len() + down.len()).await;
    let waited = "SELECT count(*) FROM notification_events WHERE reason = 'broker-away'";
    assert!(stack.database.number(waited).await > 0);
    rabbitmq.destroy().await;
}
