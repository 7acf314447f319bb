//! Consuming: deliveries flow into a channel per subscription, acknowledgements flow back.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::connect::pause_after;
use crate::declare::declare_all;
use crate::delivery::{Delivery, Desk, Ticket};
use crate::ledger::Ledger;
use crate::publisher::close;
use crate::{Error, Options};

/// A queue to consume, and where its deliveries go.
pub struct Subscription {
    /// The queue's name on the broker.
    pub name: String,
    /// The most unsettled deliveries at a time.
    pub prefetch: u16,
    /// Where deliveries go; backpressure is the prefetch.
    pub deliveries: mpsc::Sender<Delivery>,
}

/// All consumers of a process, over one connection that is rebuilt when anything breaks.
pub struct Consumers {
    options: Options,
    subscriptions: Vec<Subscription>,
}

const CONSUMER_TAG: &str = "carillon";

impl Consumers {
    /// Consumers that are not connected yet.
    #[must_use]
    pub const fn new(options: Options, subscriptions: Vec<Subscription>) -> Self {
        Self {
            options,
            subscriptions,
        }
    }

    /// Consumes until shutdown, then stops taking and returns once every delivery in hand is
    /// settled or dropped.
    pub async fn run(self, shutdown: CancellationToken, ready: impl Fn(bool) + Send) {
        let mut failures = 0;
        while !shutdown.is_cancelled() {
            match self.open().await {
                Ok((connection, channels)) => {
                    failures = 0;
                    ready(true);
                    tracing::info!(n_queues = channels.len(), "consuming");
                    let ended = self.consume(channels, &shutdown).await;
                    ready(false);
                    if let Err(error) = ended {
                        tracing::warn!(%error, "consuming broke off; rebuilding");
                    }
                    close(&connection).await;
                }
                Err(error) => {
                    failures += 1;
                    if failures == 1 {
                        tracing::warn!(%error, "cannot connect to RabbitMQ for consuming; trying on");
                    }
                    tokio::select! {
                        () = tokio::time::sleep(pause_after(failures)) => {}
                        () = shutdown.cancelled() => {}
                    }
                }
            }
        }
    }

    async fn open(&self) -> Result<(Connection, Vec<(Channel, lapin::Consumer)>), Error> {
        let connection = self.options.connect("consumer").await?;
        declare_all(&connection, &self.options.prefix).await?;
        let mut channels = Vec::with_capacity(self.subscriptions.len());
        for subscription in &self.subscriptions {
            let channel = connection.create_channel().await?;
            channel
                .basic_qos(subscription.prefetch, BasicQosOptions::default())
                .await?;
            let consumer = channel
                .basic_consume(
                    subscription.name.as_str().into(),
                    CONSUMER_TAG.into(),
                    BasicConsumeOptions::default(),
                    FieldTable::default(),
                )
                .await?;
            channels.push((channel, consumer));
        }
        Ok((connection, channels))
    }

    /// Runs every subscription; the first to break ends all, for they share the connection.
    async fn consume(
        &self,
        channels: Vec<(Channel, lapin::Consumer)>,
        shutdown: &CancellationToken,
    ) -> Result<(), Error> {
        let mut running: FuturesUnordered<_> = self
            .subscriptions
            .iter()
            .zip(channels)
            .map(|(subscription, (channel, consumer))| {
                flow(subscription, channel, consumer, shutdown)
            })
            .collect();
        while let Some(ended) = running.next().await {
            ended?;
        }
        Ok(())
    }
}

/// One subscription: deliveries out, acknowledgements back; after shutdown until nothing is in
/// hand.
async fn flow(
    subscription: &Subscription,
    channel: Channel,
    mut consumer: lapin::Consumer,
    shutdown: &CancellationToken,
) -> Result<(), Error> {
    let desk = Arc::new(Desk {
        ledger: Mutex::new(Ledger::default()),
        settled: Notify::new(),
    });
    let (in_hand, mut all_settled) = mpsc::channel::<()>(1);
    loop {
        tokio::select! {
            biased;
            () = desk.settled.notified() => acknowledge(&channel, &desk).await?,
            () = shutdown.cancelled() => break,
            next = consumer.next() => {
                let Some(message) = next else {
                    return Err(Error::Unroutable(subscription.name.clone()));
                };
                let message = message?;
                desk.ledger.lock().opened(message.delivery_tag);
                let ticket = Ticket {
                    tag: message.delivery_tag,
                    desk: Arc::clone(&desk),
                    in_hand: in_hand.clone(),
                };
                let delivery = read(message, ticket);
                // The handler may be slow: acknowledgements must flow meanwhile.
                tokio::select! {
                    sent = subscription.deliveries.send(delivery) => if sent.is_err() { break },
                    never = acknowledge_on(&channel, &desk) => never?,
                }
            }
        }
    }
    channel
        .basic_cancel(CONSUMER_TAG.into(), BasicCancelOptions::default())
        .await?;
    drop((consumer, in_hand));
    loop {
        tokio::select! {
            biased;
            () = desk.settled.notified() => acknowledge(&channel, &desk).await?,
            none_left = all_settled.recv() => if none_left.is_none() { break },
        }
    }
    acknowledge(&channel, &desk).await
}

/// Acknowledges whatever is settled, forever.
async fn acknowledge_on(channel: &Channel, desk: &Desk) -> Result<(), Error> {
    loop {
        desk.settled.notified().await;
        acknowledge(channel, desk).await?;
    }
}

async fn acknowledge(channel: &Channel, desk: &Desk) -> Result<(), Error> {
    let acks = desk.ledger.lock().take();
    if let Some(tag) = acks.up_to {
        channel
            .basic_ack(tag, BasicAckOptions { multiple: true })
            .await?;
    }
    for tag in acks.single {
        channel
            .basic_ack(tag, BasicAckOptions { multiple: false })
            .await?;
    }
    Ok(())
}

fn read(message: lapin::message::Delivery, ticket: Ticket) -> Delivery {
    let properties = &message.properties;
    let header = |name: &str| {
        properties
            .headers()
            .as_ref()
            .and_then(|table| table.inner().get(name))
            .and_then(as_number)
    };
    let counted = header("x-delivery-count").unwrap_or(0);
    Delivery {
        task: properties
            .kind()
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        version: header("x-version")
            .and_then(|v| u16::try_from(v).ok())
            .unwrap_or(0),
        redeliveries: counted.max(u64::from(message.redelivered)),
        payload: message.data,
        ticket,
    }
}

fn as_number(value: &AMQPValue) -> Option<u64> {
    let number = match value {
        AMQPValue::ShortShortInt(n) => i64::from(*n),
        AMQPValue::ShortShortUInt(n) => i64::from(*n),
        AMQPValue::ShortInt(n) => i64::from(*n),
        AMQPValue::ShortUInt(n) => i64::from(*n),
        AMQPValue::LongInt(n) => i64::from(*n),
        AMQPValue::LongUInt(n) => i64::from(*n),
        AMQPValue::LongLongInt(n) => *n,
        _ => return None,
    };
    u64::try_from(number).ok()
}
