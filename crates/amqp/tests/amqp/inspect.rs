//! Looking at the broker changes nothing, and finds what differs.

use carillon_amqp::inspect::{Found, Inspected, greeting, inspect};
use carillon_amqp::{depth, topology};
use carillon_core::queue::Queue;
use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};

use crate::given::{Given, given, messages};

async fn found(given: &Given, queue: Queue) -> Found {
    let inspection = inspect(&given.options).await.expect("the broker answers");
    let wanted = |at: &Inspected| at.queue == queue && !at.is_dead;
    let at = inspection
        .queues
        .into_iter()
        .find(wanted)
        .expect("every queue is looked at");
    assert_eq!(at.name, topology::name(&given.options.prefix, queue));
    at.found
}

#[tokio::test]
async fn what_the_publisher_declares_is_what_is_looked_for() {
    let given = given();
    let (_publisher, _running) = given.publisher().await;
    let inspection = inspect(&given.options).await.unwrap();
    assert_eq!(inspection.queues.len(), 2 * Queue::ALL.len());
    assert!(!inspection.blocked);
    for at in inspection.queues {
        let as_declared = Found::There {
            messages: 0,
            consumers: 0,
            difference: None,
        };
        assert_eq!(at.found, as_declared, "{}", at.name);
    }
}

#[tokio::test]
async fn messages_and_consumers_are_counted() {
    let given = given();
    let (publisher, _running) = given.publisher().await;
    publisher.publish(&messages(Queue::Retry, 3)).await.unwrap();
    given.until_depth(Queue::Retry, 3, 0).await;
    let (_deliveries, _consumers) = given.consume(Queue::Priority, 1);
    carillon_test_support::eventually("a consumer", crate::given::SOON, async || {
        let priority = found(&given, Queue::Priority).await;
        matches!(priority, Found::There { consumers: 1, .. }).then_some(())
    })
    .await;
    let retry = found(&given, Queue::Retry).await;
    assert!(
        matches!(retry, Found::There { messages: 3, .. }),
        "{retry:?}"
    );
}

#[tokio::test]
async fn a_queue_with_other_arguments_is_found_and_those_after_it_too() {
    let given = given();
    let (_publisher, running) = given.publisher().await;
    running.stop().await;
    let name = topology::name(&given.options.prefix, Queue::Database);
    let (_connection, channel) = given.channel().await;
    let delete = QueueDeleteOptions::default();
    channel
        .queue_delete(name.as_str().into(), delete)
        .await
        .unwrap();
    let mut other = FieldTable::default();
    let classic = AMQPValue::LongString("classic".into());
    other.insert("x-queue-type".into(), classic);
    let durable = QueueDeclareOptions::durable();
    channel
        .queue_declare(name.as_str().into(), durable, other)
        .await
        .unwrap();

    let inspection = inspect(&given.options).await.unwrap();
    for at in inspection.queues {
        let Found::There { difference, .. } = at.found else {
            panic!("{}: {:?}", at.name, at.found);
        };
        assert_eq!(difference.is_some(), at.name == name, "{}", at.name);
        if let Some(difference) = difference {
            assert!(difference.contains("inequivalent arg 'x-"), "{difference}");
        }
    }
}

#[tokio::test]
async fn a_missing_queue_is_said_to_be_and_stays_missing() {
    let given = given();
    for _ in 0..2 {
        let inspection = inspect(&given.options).await.unwrap();
        for at in inspection.queues {
            assert_eq!(at.found, Found::Missing, "{}", at.name);
        }
    }
    for depth in depth::read(&given.options).await.unwrap() {
        assert_eq!(
            (depth.messages, depth.dead),
            (None, None),
            "{}",
            depth.queue
        );
    }
}

#[tokio::test]
async fn the_broker_says_what_it_is_before_a_login() {
    let mut given = given();
    given.options.url = with_password(&given.options.url, "wrong");
    let greeting = greeting(&given.options).await.unwrap().unwrap();
    assert_eq!(greeting.product, "RabbitMQ");
    assert!(
        greeting.version.starts_with(|c: char| c.is_ascii_digit()),
        "{greeting:?}"
    );
    assert!(
        inspect(&given.options).await.is_err(),
        "a login is needed for the rest"
    );
}

/// The URL with another password.
fn with_password(url: &str, password: &str) -> String {
    let (user, host) = url.split_once('@').expect("a user");
    let (scheme, user) = user.split_once("://").expect("a scheme");
    let (user, _) = user.split_once(':').expect("a password");
    format!("{scheme}://{user}:{password}@{host}")
}
