//! Declaring the topology.

use std::sync::{Arc, Mutex};

use carillon_amqp::{depth, topology};
use carillon_core::queue::Queue;
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

use crate::given::{given, messages, next};

#[tokio::test]
async fn every_queue_and_its_dead_letter_queue_is_declared() {
    let given = given();
    let (_publisher, _running) = given.publisher().await;
    let depths = depth::read(&given.options).await.unwrap();
    assert_eq!(depths.len(), Queue::ALL.len());
    for depth in depths {
        assert_eq!(
            (depth.messages, depth.dead),
            (Some(0), Some(0)),
            "{}",
            depth.queue
        );
    }
}

#[tokio::test]
async fn looking_at_depths_declares_nothing() {
    let given = given();
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
async fn another_prefix_is_another_installation() {
    let (one, two) = (given(), given());
    let (publisher, _one) = one.publisher().await;
    let (_other, _two) = two.publisher().await;
    publisher.publish(&messages(Queue::Retry, 4)).await.unwrap();
    one.until_depth(Queue::Retry, 4, 0).await;
    assert_eq!(two.depth(Queue::Retry).await, Some((0, 0)));
}

#[tokio::test]
async fn a_queue_that_exists_with_other_arguments_is_used_with_a_warning() {
    let given = given();
    let name = topology::name(&given.options.prefix, Queue::Priority);
    let (_connection, channel) = given.channel().await;
    let mut other = FieldTable::default();
    other.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("classic".into()),
    );
    channel
        .queue_declare(name.as_str().into(), QueueDeclareOptions::durable(), other)
        .await
        .unwrap();

    let warnings = Warnings::default();
    let _listening = tracing::subscriber::set_default(warnings.clone());
    let (publisher, _running) = given.publisher().await;
    publisher
        .publish(&messages(Queue::Priority, 1))
        .await
        .unwrap();
    // Those declared after it are there too.
    publisher
        .publish(&messages(Queue::SmsCallbacks, 1))
        .await
        .unwrap();
    let (mut deliveries, _consumers) = given.consume(Queue::Priority, 10);
    next(&mut deliveries).await.settle();

    let warnings = warnings.0.lock().unwrap();
    let about: Vec<_> = warnings
        .iter()
        .filter(|warning| warning.contains(&name))
        .collect();
    assert!(!about.is_empty(), "{warnings:?}");
    assert!(
        about[0].contains("inequivalent arg 'x-"),
        "the difference is named: {about:?}"
    );
}

/// Collects warnings of this thread, on which a test's tasks run.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.0
            .lock()
            .expect("no test panics while it logs")
            .push(line.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!("{field}={value:?} "));
    }
}
