//! One subscription: deliveries out, acknowledgements back.

use std::sync::Arc;

use carillon_core::trace::TraceContext;
use futures::StreamExt;
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicNackOptions};
use lapin::types::AMQPValue;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::{CONSUMER_TAG, Subscription};
use crate::Error;
use crate::delivery::{Delivery, Desk, Ticket};
use crate::ledger::Ledger;
use crate::outgoing::TRACEPARENT;

/// How long shutdown waits for the broker to stop sending.
const CANCEL_WITHIN: std::time::Duration = std::time::Duration::from_secs(2);

/// Runs until the subscription breaks, or after shutdown until nothing is in hand.
pub(super) async fn flow(
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
