//! Publishing: confirmed, or an error.

use carillon_amqp::{Error, Outgoing, Publisher};
use carillon_core::queue::Queue;
use carillon_core::task::MarkLane;
use carillon_test_support::eventually;
use lapin::options::{BasicGetOptions, QueueDeleteOptions};
use uuid::Uuid;

use crate::given::{SOON, given, message, messages, next};

#[tokio::test]
async fn what_is_published_is_confirmed_and_consumed_with_its_envelope() {
    let given = given();
    let (publisher, _running) = given.publisher().await;
    let marker = MarkLane {
        queue: Queue::Retry,
        published_at: carillon_core::clock::now(),
    };
    let outgoing = Outgoing::task(Queue::Retry, Uuid::from_u128(7), &marker).unwrap();
    publisher.publish(&[outgoing]).await.unwrap();
    // Confirmed means it is there already.
    given.until_depth(Queue::Retry, 1, 0).await;

    let (mut deliveries, _consumers) = given.consume(Queue::Retry, 10);
    let delivery = next(&mut deliveries).await;
    assert_eq!((delivery.task.as_str(), delivery.version), ("mark-lane", 1));
    assert_eq!(delivery.redeliveries, 0);
    assert_eq!(
        serde_json::from_slice::<MarkLane>(&delivery.payload).unwrap(),
        marker
    );
    delivery.settle();
    given.until_depth(Queue::Retry, 0, 0).await;
}

#[tokio::test]
async fn messages_are_persistent_and_say_what_they_are() {
    let given = given();
    let (publisher, _running) = given.publisher().await;
    publisher
        .publish(&[message(Queue::Priority, 5)])
        .await
        .unwrap();
    let (_connection, channel) = given.channel().await;
    let queue = given.name(Queue::Priority);
    let got = channel
        .basic_get(queue.as_str().into(), BasicGetOptions::default())
        .await
        .unwrap();
    let properties = got.unwrap().delivery.properties;
    assert_eq!(*properties.delivery_mode(), Some(2));
    assert_eq!(
        properties.content_type().as_ref().unwrap().as_str(),
        "application/json"
    );
    assert_eq!(properties.kind().as_ref().unwrap().as_str(), "deliver");
    let id = Uuid::from_u128(5).to_string();
    assert_eq!(properties.message_id().as_ref().unwrap().as_str(), id);
}

#[tokio::test]
async fn a_batch_over_several_queues_is_confirmed_as_a_whole() {
    let given = given();
    let (publisher, _running) = given.publisher().await;
    let batch: Vec<_> = (0..300)
        .map(|n| message(Queue::ALL[n as usize % 3], n))
        .collect();
    publisher.publish(&batch).await.unwrap();
    for queue in &Queue::ALL[..3] {
        given.until_depth(*queue, 100, 0).await;
    }
    publisher.publish(&[]).await.unwrap();
}

#[tokio::test]
async fn a_queue_deleted_under_a_publisher_is_an_error_and_is_declared_again() {
    let given = given();
    let (publisher, _running) = given.publisher().await;
    let (_connection, channel) = given.channel().await;
    let queue = given.name(Queue::SendSms);
    channel
        .queue_delete(queue.as_str().into(), QueueDeleteOptions::default())
        .await
        .unwrap();

    let refused = publisher.publish(&[message(Queue::SendSms, 1)]).await;
    assert_eq!(refused, Err(Error::Unroutable(queue)));
    eventually("the queue is back and takes messages", SOON, async || {
        publisher.publish(&[message(Queue::SendSms, 2)]).await.ok()
    })
    .await;
    given.until_depth(Queue::SendSms, 1, 0).await;
}

#[tokio::test]
async fn concurrent_batches_do_not_take_each_other_s_errors() {
    let given = given();
    let (publisher, _running) = given.publisher().await;
    let (_connection, channel) = given.channel().await;
    let gone = given.name(Queue::SendSms);
    channel
        .queue_delete(gone.as_str().into(), QueueDeleteOptions::default())
        .await
        .unwrap();
    let good = messages(Queue::SendEmail, 50);
    let lost = [message(Queue::SendSms, 1)];
    let (bad, ()) = tokio::join!(publisher.publish(&lost), async {
        // This batch may meet the rebuilding of the connection, but never an unroutable message.
        let published = publisher.publish(&good).await;
        assert!(
            !matches!(published, Err(Error::Unroutable(_))),
            "{published:?}"
        );
    });
    assert_eq!(bad, Err(Error::Unroutable(gone)));
}

#[tokio::test]
async fn without_a_connection_nothing_is_published() {
    let given = given();
    let publisher = Publisher::new(given.options.clone());
    assert!(!publisher.is_connected());
    let refused = publisher.publish(&[message(Queue::Retry, 1)]).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn a_publisher_that_is_shut_down_takes_nothing_more() {
    let given = given();
    let (publisher, running) = given.publisher().await;
    running.stop().await;
    assert!(!publisher.is_connected());
    let refused = publisher.publish(&[message(Queue::Retry, 1)]).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
}
