//! A queue that the broker cannot serve stops no other, and is made anew if PostgreSQL has what was in
//! it.

use std::time::Duration;

use carillon_amqp::{Consumers, Subscription};
use carillon_core::queue::Queue;
use carillon_test_support::{OwnRabbitmq, eventually};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::given::{Running, message, next, number, on};

/// Leaves a queue as a crash may: known to the broker, and without the process that serves it.
async fn break_queue(broker: &OwnRabbitmq, name: &str) {
    let server = format!("{{list_to_atom(\"%2F_{name}\"), node()}}");
    let stop = format!("ra:stop_server(quorum_queues, {server}).");
    let stopped = broker.ctl(&["eval", &stop]).await;
    assert!(stopped.trim().ends_with("ok"), "{stopped}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_cannot_be_served_stops_no_other_and_is_rebuilt_unless_it_is_the_only_copy() {
    let broker = OwnRabbitmq::new().await;
    let given = on(broker.url());
    let queues = [Queue::Retry, Queue::SaveApiSms, Queue::Database];
    let (publisher, _publishing) = given.publisher().await;
    for queue in [Queue::Retry, Queue::SaveApiSms] {
        break_queue(&broker, &given.name(queue)).await;
    }

    let (subscriptions, mut received): (Vec<_>, Vec<_>) = queues
        .into_iter()
        .map(|queue| {
            let (deliveries, received) = mpsc::channel(10);
            let name = given.name(queue);
            let prefetch = 10;
            let subscription = Subscription {
                name,
                prefetch,
                deliveries,
            };
            (subscription, received)
        })
        .unzip();
    let consumers = Consumers::new(given.options.clone(), subscriptions);
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    let consuming = Running::start(async move { consumers.run(token, |_| {}).await }, shutdown);

    publisher
        .publish(&[message(Queue::Database, 1)])
        .await
        .unwrap();
    let delivery = next(&mut received[2]).await;
    assert_eq!(number(&delivery), 1);
    delivery.settle();

    let again = message(Queue::Retry, 2);
    eventually(
        "retry takes messages",
        Duration::from_secs(60),
        async || {
            let publishing = publisher.publish(std::slice::from_ref(&again));
            let published = tokio::time::timeout(Duration::from_secs(2), publishing).await;
            published.ok()?.ok()
        },
    )
    .await;
    let delivery = next(&mut received[0]).await;
    assert_eq!(number(&delivery), 2);
    delivery.settle();

    // The inbox is as broken as before: it may hold the only copy, so that a person decides.
    let inbox = given.name(Queue::SaveApiSms);
    let listed = broker.ctl(&["-q", "list_queues", "name", "state"]).await;
    assert!(
        listed.lines().any(|line| line == format!("{inbox}\tdown")),
        "{listed}"
    );
    consuming.stop().await;
    broker.destroy().await;
}
