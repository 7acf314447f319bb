//! Outages of the broker: everything is rebuilt, nothing confirmed is lost.

use std::collections::BTreeSet;
use std::time::Duration;

use carillon_amqp::depth;
use carillon_core::queue::Queue;
use carillon_test_support::{OwnRabbitmq, amqp_url, eventually};

use crate::given::{SOON, given, message, messages, next, number, on};

/// A quorum queue needs a moment after the start of its broker.
const BACK: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_of_the_broker_publisher_and_consumers_go_on_and_nothing_confirmed_is_lost() {
    let broker = OwnRabbitmq::new().await;
    let given = on(broker.url());
    let (publisher, _running) = given.publisher().await;
    let (mut deliveries, _consumers) = given.consume(Queue::Database, 100);
    publisher
        .publish(&messages(Queue::Database, 20))
        .await
        .unwrap();
    // Ten are in hand, unsettled, when the broker dies.
    let mut in_hand = Vec::new();
    for _ in 0..10 {
        in_hand.push(next(&mut deliveries).await);
    }

    broker.kill().await;
    eventually("the publisher notices", SOON, async || {
        publisher
            .publish(&[message(Queue::Database, 100)])
            .await
            .err()
    })
    .await;
    // Settled while the broker is away: the acknowledgement is lost, so they come back.
    in_hand
        .into_iter()
        .for_each(carillon_amqp::Delivery::settle);
    broker.start().await;

    eventually("the publisher is back", BACK, async || {
        publisher
            .publish(&[message(Queue::Database, 200)])
            .await
            .ok()
    })
    .await;
    let mut seen = BTreeSet::new();
    eventually("everything confirmed is delivered", BACK, async || {
        let delivery = deliveries.recv().await?;
        seen.insert(number(&delivery));
        delivery.settle();
        ((0..20).all(|n| seen.contains(&n)) && seen.contains(&200)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn connections_closed_by_an_operator_are_rebuilt() {
    let given = given();
    let (publisher, _running) = given.publisher().await;
    let (mut deliveries, _consumers) = given.consume(Queue::Database, 100);
    publisher
        .publish(&messages(Queue::Database, 1))
        .await
        .unwrap();
    next(&mut deliveries).await.settle();

    // A queue deleted under its consumer breaks the consumer off, too.
    let (_connection, channel) = given.channel().await;
    let name = given.name(Queue::Database);
    channel
        .queue_delete(name.as_str().into(), Default::default())
        .await
        .unwrap();
    eventually("the queue is back with its consumer", SOON, async || {
        publisher
            .publish(&[message(Queue::Database, 7)])
            .await
            .ok()?;
        let delivery = deliveries.recv().await?;
        delivery.settle();
        Some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_not_there_yet_is_waited_for() {
    let broker = OwnRabbitmq::new().await;
    let given = on(broker.url());
    broker.stop().await;
    let publisher = carillon_amqp::Publisher::new(given.options.clone());
    let shutdown = tokio_util::sync::CancellationToken::new();
    let (runner, token) = (publisher.clone(), shutdown.clone());
    let run = async move { runner.run(token, |_| {}).await };
    let running = crate::given::Running::start(run, shutdown);
    let refused = publisher.publish(&[message(Queue::Retry, 1)]).await;
    assert!(matches!(refused, Err(carillon_amqp::Error::Unavailable(_))));

    broker.start().await;
    tokio::time::timeout(BACK, publisher.connected())
        .await
        .expect("it connects by itself");
    eventually("messages are taken", BACK, async || {
        publisher.publish(&[message(Queue::Retry, 1)]).await.ok()
    })
    .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_stalls_delays_what_is_published_and_loses_nothing() {
    let broker = OwnRabbitmq::new().await;
    let given = on(broker.url());
    let (publisher, _running) = given.publisher().await;
    broker.pause().await;
    let batch = messages(Queue::Database, 3);
    let mut publishing = std::pin::pin!(publisher.publish(&batch));
    let a_moment = Duration::from_millis(300);
    assert!(
        tokio::time::timeout(a_moment, &mut publishing)
            .await
            .is_err(),
        "nobody confirmed it"
    );
    broker.resume().await;
    let published = tokio::time::timeout(SOON, publishing)
        .await
        .expect("the broker answers again");
    assert_eq!(published, Ok(()));
    given.until_depth(Queue::Database, 3, 0).await;
}

#[tokio::test]
async fn of_several_nodes_those_that_are_away_are_passed_over() {
    // Nobody listens at port 1.
    let away = "amqp://127.0.0.1:1/%2f";
    let given = on(&format!("{away},{away},{away},{}", amqp_url()));
    let (publisher, _running) = given.publisher().await;
    let published = publisher.publish(&[message(Queue::Retry, 1)]).await;
    assert_eq!(published, Ok(()));
    let depths = depth::read(&given.options).await;
    assert!(depths.is_ok(), "{depths:?}");
}
