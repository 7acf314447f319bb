//! Consuming: deliveries flow into a channel per subscription, acknowledgements flow back.

use std::sync::Arc;

use carillon_core::trace::TraceContext;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::connect::{pause_after, within_deadline};
use crate::declare::declare_all;
use crate::delivery::{Delivery, Desk, Ticket};
use crate::ledger::Ledger;
use crate::outgoing::TRACEPARENT;
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
/// How long shutdown waits for the broker to stop sending.
const CANCEL_WITHIN: std::time::Duration = std::time::Duration::from_secs(2);

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
            let opened = tokio::select! {
                opened = within_deadline(self.open()) => opened,
                () = shutdown.cancelled() => return,
            };
            match opened {
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
                    _in_hand: in_hand.clone(),
                    is_settled: false,
                };
                let delivery = read(message, ticket);
                // The handler may be slow: acknowledgements must flow meanwhile.
                let mut sending = std::pin::pin!(subscription.deliveries.send(delivery));
                let sent = loop {
                    tokio::select! {
                        biased;
                        () = desk.settled.notified() => acknowledge(&channel, &desk).await?,
                        sent = &mut sending => break sent,
                    }
                };
                if sent.is_err() {
                    break;
                }
            }
        }
    }
    let cancelling = channel.basic_cancel(CONSUMER_TAG.into(), BasicCancelOptions::default());
    // A stalled broker does not answer; it learns of the end when the connection closes.
    if let Ok(cancelled) = tokio::time::timeout(CANCEL_WITHIN, cancelling).await {
        cancelled?;
    }
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

/// Tells the broker what is settled or dropped. Never cancelled half-way: what was taken from the
/// ledger must be told.
async fn acknowledge(channel: &Channel, desk: &Desk) -> Result<(), Error> {
    let acks = desk.ledger.lock().take();
    for tag in acks.back {
        let options = BasicNackOptions {
            requeue: true,
            ..Default::default()
        };
        channel.basic_nack(tag, options).await?;
    }
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
        let headers = properties.headers().as_ref();
        headers.and_then(|table| table.inner().get(name))
    };
    let number = |name: &str| header(name).and_then(as_number);
    let counted = number("x-delivery-count").unwrap_or(0);
    Delivery {
        task: properties
            .kind()
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        version: number("x-version")
            .and_then(|v| u16::try_from(v).ok())
            .unwrap_or(0),
        id: properties
            .message_id()
            .as_ref()
            .and_then(|id| id.as_str().parse().ok()),
        redeliveries: counted.max(u64::from(message.redelivered)),
        trace: header(TRACEPARENT).and_then(as_trace),
        payload: message.data,
        ticket,
    }
}

fn as_trace(value: &AMQPValue) -> Option<TraceContext> {
    match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok()?.parse().ok(),
        _ => None,
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
