//! One hop through a quorum queue: confirms in windows, acknowledgements in batches.

use std::collections::VecDeque;

use anyhow::{Context, ensure};
use futures::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Confirmation, Connection, Consumer};

use crate::broker;
use crate::floor::payload;

/// Messages that are published before the first of them must be confirmed.
const WINDOW: usize = 1_000;
/// Messages that are acknowledged together.
const ACK: usize = 100;
const PREFETCH: u16 = 500;

/// A queue with both ends connected.
pub(super) struct Hop {
    /// Publishing and consuming each on a connection of its own, as the product does.
    _connections: [Connection; 2],
    publisher: Channel,
    reader: Channel,
    consumer: Consumer,
    queue: String,
    payload: Vec<u8>,
    n_messages: usize,
}

/// Declares the queue and connects.
pub(super) async fn prepare(url: &str, queue: &str, n_messages: usize) -> anyhow::Result<Hop> {
    let connections = [broker::connect(url).await?, broker::connect(url).await?];
    broker::declare(&connections[0], queue).await?;
    let publisher = connections[0].create_channel().await?;
    publisher
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    let reader = connections[1].create_channel().await?;
    reader
        .basic_qos(PREFETCH, BasicQosOptions::default())
        .await?;
    let options = BasicConsumeOptions::default();
    let consumer = reader
        .basic_consume(queue.into(), "floor".into(), options, FieldTable::default())
        .await?;
    Ok(Hop {
        _connections: connections,
        publisher,
        reader,
        consumer,
        queue: queue.to_owned(),
        payload: payload()?,
        n_messages,
    })
}

impl Hop {
    /// Publishes all messages and takes them out.
    pub async fn run(self) -> anyhow::Result<()> {
        let Self {
            publisher,
            reader,
            consumer,
            queue,
            payload,
            n_messages,
            _connections,
        } = self;
        tokio::try_join!(
            publish(&publisher, &queue, &payload, n_messages),
            consume(&reader, consumer, n_messages)
        )?;
        Ok(())
    }
}

async fn publish(channel: &Channel, queue: &str, payload: &[u8], n: usize) -> anyhow::Result<()> {
    let options = BasicPublishOptions {
        mandatory: true,
        ..Default::default()
    };
    let mut unconfirmed = VecDeque::with_capacity(WINDOW);
    for _ in 0..n {
        if unconfirmed.len() == WINDOW
            && let Some(oldest) = unconfirmed.pop_front()
        {
            confirmed(oldest).await?;
        }
        let properties = broker::properties();
        let sent = channel.basic_publish("".into(), queue.into(), options, payload, properties);
        unconfirmed.push_back(sent.await.context("publishing")?);
    }
    for rest in unconfirmed {
        confirmed(rest).await?;
    }
    Ok(())
}

async fn confirmed(sent: impl Future<Output = lapin::Result<Confirmation>>) -> anyhow::Result<()> {
    let confirmation = sent.await.context("waiting for a confirm")?;
    ensure!(
        matches!(confirmation, Confirmation::Ack(None)),
        "a message was not confirmed"
    );
    Ok(())
}

async fn consume(channel: &Channel, mut consumer: Consumer, n: usize) -> anyhow::Result<()> {
    let options = BasicAckOptions { multiple: true };
    for taken in 1..=n {
        let delivery = consumer
            .next()
            .await
            .context("the consumer ended")?
            .context("consuming")?;
        if taken % ACK == 0 || taken == n {
            channel
                .basic_ack(delivery.delivery_tag, options)
                .await
                .context("acknowledging")?;
        }
    }
    Ok(())
}
