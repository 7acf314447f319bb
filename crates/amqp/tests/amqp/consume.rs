//! Consuming: nothing unsettled is lost, nothing settled comes back.

use std::collections::BTreeSet;

use carillon_core::queue::Queue;
use carillon_test_support::eventually;
use lapin::options::BasicGetOptions;

use crate::given::{SOON, given, messages, next, number, take};

const QUEUE: Queue = Queue::Database;

#[tokio::test]
async fn what_is_dropped_unsettled_comes_back_when_the_consumer_ends() {
    let given = given();
    let (publisher, _running) = given.publisher().await;
    publisher.publish(&messages(QUEUE, 10)).await.unwrap();
    let (mut deliveries, consumers) = given.consume(QUEUE, 100);
    for delivery in take(&mut deliveries, 10).await {
        if number(&delivery) < 4 {
            delivery.settle();
        }
    }
    consumers.stop().await;
    given.until_depth(QUEUE, 6, 0).await;

    let (mut deliveries, _consumers) = given.consume(QUEUE, 100);
    let again = take(&mut deliveries, 6).await;
    assert_eq!(
        again.iter().map(number).collect::<BTreeSet<_>>(),
        (4..10).collect()
    );
    for delivery in again {
        assert!(
            delivery.redeliveries >= 1,
            "a redelivery is told from a first delivery"
        );
        delivery.settle();
    }
    given.until_depth(QUEUE, 0, 0).await;
}

#[tokio::test]
async fn settled_in_any_order_all_are_acknowledged() {
    let given = given();
    let (publisher, _running) = given.publisher().await;
    publisher.publish(&messages(QUEUE, 200)).await.unwrap();
    let (mut deliveries, consumers) = given.consume(QUEUE, 500);
    let mut taken = take(&mut deliveries, 200).await;
    // From the middle outwards: every other first, backwards, then the rest.
    let rest: Vec<_> = (0..100).map(|i| taken.remove(i)).collect();
    taken
        .into_iter()
        .rev()
        .for_each(carillon_amqp::Delivery::settle);
    rest.into_iter()
        .rev()
        .for_each(carillon_amqp::Delivery::settle);
    consumers.stop().await;
    given.until_depth(QUEUE, 0, 0).await;
}

#[tokio::test]
async fn one_delivery_that_is_held_does_not_hold_the_others() {
    let given = given();
    let (publisher, _running) = given.publisher().await;
    publisher.publish(&messages(QUEUE, 50)).await.unwrap();
    // With so few at a time, the flow would stop if one that is held kept the others unacknowledged.
    let (mut deliveries, consumers) = given.consume(QUEUE, 5);
    let held = next(&mut deliveries).await;
    for _ in 0..49 {
        next(&mut deliveries).await.settle();
    }
    let held_number = number(&held);
    drop(held);
    consumers.stop().await;
    given.until_depth(QUEUE, 1, 0).await;
    let (mut deliveries, _consumers) = given.consume(QUEUE, 5);
    assert_eq!(number(&next(&mut deliveries).await), held_number);
}

#[tokio::test]
async fn no_more_are_handed_out_than_the_prefetch() {
    let given = given();
    let (publisher, _running) = given.publisher().await;
    publisher.publish(&messages(QUEUE, 20)).await.unwrap();
    let (mut deliveries, _consumers) = given.consume(QUEUE, 7);
    let held = take(&mut deliveries, 7).await;
    given.until_depth(QUEUE, 13, 0).await;
    assert!(deliveries.try_recv().is_err());
    held.into_iter().for_each(carillon_amqp::Delivery::settle);
    take(&mut deliveries, 7).await;
}

#[tokio::test]
async fn shutdown_waits_for_deliveries_in_hand_and_acknowledges_them() {
    let given = given();
    let (publisher, _running) = given.publisher().await;
    publisher.publish(&messages(QUEUE, 3)).await.unwrap();
    let (mut deliveries, consumers) = given.consume(QUEUE, 10);
    let mut held = take(&mut deliveries, 3).await;
    consumers.shutdown.cancel();
    // It stops taking at once …
    publisher.publish(&messages(QUEUE, 1)).await.unwrap();
    given.until_depth(QUEUE, 1, 0).await;
    // … and goes on acknowledging until nothing is in hand.
    while let Some(delivery) = held.pop() {
        assert!(
            !consumers.task.is_finished(),
            "it waits for what is in hand"
        );
        delivery.settle();
    }
    consumers.ended().await;
    given.until_depth(QUEUE, 1, 0).await;
}

#[tokio::test]
async fn every_delivery_without_settling_is_counted_and_the_limit_ends_them() {
    let given = given();
    let (publisher, _running) = given.publisher().await;
    publisher.publish(&messages(QUEUE, 1)).await.unwrap();
    let limit = carillon_amqp::topology::all()
        .next()
        .unwrap()
        .delivery_limit as u64;
    // All but the last three times it is in the hands of somebody who just vanishes.
    let (connection, _) = given.channel().await;
    let name = given.name(QUEUE);
    for _ in 0..limit - 2 {
        eventually("it is back", SOON, async || {
            let channel = connection.create_channel().await.ok()?;
            let options = BasicGetOptions::default();
            let got = channel
                .basic_get(name.as_str().into(), options)
                .await
                .ok()?;
            channel.close(200, "gone".into()).await.ok()?;
            got.map(drop)
        })
        .await;
    }
    // Dropped unsettled by us, it goes back at once and comes again.
    let (mut deliveries, _consumers) = given.consume(QUEUE, 10);
    for redeliveries in limit - 2..=limit {
        assert_eq!(next(&mut deliveries).await.redeliveries, redeliveries);
    }
    given.until_depth(QUEUE, 0, 1).await;
}

#[tokio::test]
async fn consumers_of_several_queues_share_a_connection_and_keep_apart() {
    let given = given();
    let (publisher, _running) = given.publisher().await;
    let (mut emails, _one) = given.consume(Queue::SendEmail, 10);
    let (mut texts, _two) = given.consume(Queue::SendSms, 10);
    publisher
        .publish(&messages(Queue::SendEmail, 3))
        .await
        .unwrap();
    publisher
        .publish(&messages(Queue::SendSms, 2))
        .await
        .unwrap();
    // Held, for what is dropped comes again.
    let (_held_emails, _held_texts) = (take(&mut emails, 3).await, take(&mut texts, 2).await);
    assert!(emails.try_recv().is_err() && texts.try_recv().is_err());
}
