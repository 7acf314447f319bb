//! What tests start from: a publisher, consumers, and a connection past the code under test.

use std::time::Duration;

use bytes::Bytes;
use carillon_amqp::{
    Consumers, Delivery, Options, Outgoing, Publisher, Subscription, depth, topology,
};
use carillon_core::queue::Queue;
use carillon_test_support::{amqp_url, eventually, prefix};
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// For what takes a moment.
pub const SOON: Duration = Duration::from_secs(15);

/// A broker and the names of this test on it.
pub struct Given {
    pub options: Options,
}

pub fn given() -> Given {
    on(&amqp_url())
}

pub fn on(url: &str) -> Given {
    let options = Options {
        url: url.to_owned(),
        prefix: prefix(),
        connection_name: "test".to_owned(),
    };
    Given { options }
}

/// Something that runs until it is stopped.
pub struct Running {
    pub shutdown: CancellationToken,
    pub task: JoinHandle<()>,
}

impl Running {
    pub fn start(
        run: impl Future<Output = ()> + Send + 'static,
        shutdown: CancellationToken,
    ) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the test waits for it or ends with it"
        )]
        let task = tokio::spawn(run);
        Self { shutdown, task }
    }

    /// Shuts it down and waits for its end.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.ended().await;
    }

    pub async fn ended(self) {
        tokio::time::timeout(SOON, self.task)
            .await
            .expect("it ends")
            .expect("it does not panic");
    }
}

impl Given {
    pub fn name(&self, queue: Queue) -> String {
        topology::name(&self.options.prefix, queue)
    }

    /// A connected publisher.
    pub async fn publisher(&self) -> (Publisher, Running) {
        let publisher = Publisher::new(self.options.clone());
        let shutdown = CancellationToken::new();
        let (runner, token) = (publisher.clone(), shutdown.clone());
        let running = Running::start(async move { runner.run(token, |_| {}).await }, shutdown);
        tokio::time::timeout(SOON, publisher.connected())
            .await
            .expect("the publisher connects");
        (publisher, running)
    }

    /// Consumers of one queue, and its deliveries.
    pub fn consume(&self, queue: Queue, prefetch: u16) -> (mpsc::Receiver<Delivery>, Running) {
        let (deliveries, received) = mpsc::channel(1_000);
        let subscription = Subscription {
            name: self.name(queue),
            prefetch,
            deliveries,
        };
        let consumers = Consumers::new(self.options.clone(), vec![subscription]);
        let shutdown = CancellationToken::new();
        let token = shutdown.clone();
        let running = Running::start(async move { consumers.run(token, |_| {}).await }, shutdown);
        (received, running)
    }

    /// A channel past the code under test.
    pub async fn channel(&self) -> (Connection, Channel) {
        let connection =
            Connection::connect(&self.options.url, ConnectionProperties::default()).await;
        let connection = connection.expect("the broker answers");
        let channel = connection.create_channel().await.expect("a channel opens");
        (connection, channel)
    }

    /// Messages ready in a queue and in its dead-letter queue; none while it does not exist.
    pub async fn depth(&self, queue: Queue) -> Option<(u32, u32)> {
        let depths = depth::read(&self.options).await.ok()?;
        let depth = depths.into_iter().find(|depth| depth.queue == queue)?;
        Some((depth.messages?, depth.dead?))
    }

    pub async fn until_depth(&self, queue: Queue, messages: u32, dead: u32) {
        let what = format!("{messages} messages in {queue} and {dead} in its dead-letter queue");
        eventually(&what, SOON, async || {
            (self.depth(queue).await == Some((messages, dead))).then_some(())
        })
        .await;
    }
}

/// A message whose body says which it is.
pub fn message(queue: Queue, n: u32) -> Outgoing {
    Outgoing {
        queue,
        task: "deliver",
        version: 1,
        id: Uuid::from_u128(u128::from(n)),
        payload: Bytes::from(n.to_string()),
        trace: None,
    }
}

pub fn messages(queue: Queue, n: u32) -> Vec<Outgoing> {
    (0..n).map(|n| message(queue, n)).collect()
}

pub fn number(delivery: &Delivery) -> u32 {
    let text = std::str::from_utf8(&delivery.payload).expect("the body is a number");
    text.parse().expect("the body is a number")
}

/// The next delivery; it must come soon.
pub async fn next(deliveries: &mut mpsc::Receiver<Delivery>) -> Delivery {
    tokio::time::timeout(SOON, deliveries.recv())
        .await
        .expect("a delivery comes")
        .expect("the consumers run")
}

pub async fn take(deliveries: &mut mpsc::Receiver<Delivery>, n: u32) -> Vec<Delivery> {
    let mut taken = Vec::new();
    for _ in 0..n {
        taken.push(next(deliveries).await);
    }
    taken
}
