//! Publishing with confirms.

use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};

use lapin::{Channel, Confirmation, Connection};
use parking_lot::RwLock;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::connect::pause_after;
use crate::declare::declare_all;
use crate::{Error, Options, Outgoing, topology};

/// Publishes batches over one connection that is rebuilt when it breaks. Cheap to clone.
///
/// [`Publisher::run`] keeps the connection; without it nothing can be published.
#[derive(Clone)]
pub struct Publisher {
    shared: Arc<Shared>,
}

struct Shared {
    options: Options,
    /// The confirming channel; none while the broker is away.
    channel: RwLock<Option<Channel>>,
    /// Rings when a publish failed in a way that a new session may mend.
    broken: Notify,
    /// Rings whenever a session was made.
    connected: Notify,
}

/// How often a silent connection is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Publisher {
    /// A publisher that is not connected yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let shared = Shared {
            options,
            channel: RwLock::new(None),
            broken: Notify::new(),
            connected: Notify::new(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Whether there is a connection; it may still break at any time.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.channel().is_some()
    }

    /// Waits until there is a connection.
    pub async fn connected(&self) {
        loop {
            let ring = self.shared.connected.notified();
            if self.is_connected() {
                return;
            }
            ring.await;
        }
    }

    /// Publishes a batch and waits until every message is confirmed by its queue. On an error some
    /// may have arrived: publishing again must be harmless. Has no deadline of its own.
    ///
    /// # Errors
    /// When the broker is away, a queue does not exist, or a message is refused.
    pub async fn publish(&self, batch: &[Outgoing]) -> Result<(), Error> {
        let channel = self
            .channel()
            .ok_or_else(|| Error::Unavailable("not connected".to_owned()))?;
        let published = publish_on(&channel, &self.shared.options.prefix, batch).await;
        if matches!(published, Err(Error::Unavailable(_) | Error::Unroutable(_))) {
            self.shared.broken.notify_one();
        }
        published
    }

    /// Keeps a connection until shutdown: connects, declares the topology, watches, rebuilds.
    pub async fn run(&self, shutdown: CancellationToken, ready: impl Fn(bool) + Send) {
        let mut failures = 0;
        while !shutdown.is_cancelled() {
            match self.open().await {
                Ok((connection, channel)) => {
                    failures = 0;
                    *self.shared.channel.write() = Some(channel.clone());
                    self.shared.connected.notify_waiters();
                    ready(true);
                    tracing::info!("connected to RabbitMQ for publishing");
                    self.watch(&connection, &channel, &shutdown).await;
                    *self.shared.channel.write() = None;
                    ready(false);
                    close(&connection).await;
                }
                Err(error) => {
                    failures += 1;
                    if failures == 1 {
                        tracing::warn!(%error, "cannot connect to RabbitMQ for publishing; trying on");
                    }
                    tokio::select! {
                        () = tokio::time::sleep(pause_after(failures)) => {}
                        () = shutdown.cancelled() => {}
                    }
                }
            }
        }
    }

    fn channel(&self) -> Option<Channel> {
        self.shared.channel.read().clone()
    }

    async fn open(&self) -> Result<(Connection, Channel), Error> {
        let connection = self.shared.options.connect("publisher").await?;
        declare_all(&connection, &self.shared.options.prefix).await?;
        let channel = connection.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        Ok((connection, channel))
    }

    /// Returns when the session is to be rebuilt, or at shutdown.
    async fn watch(
        &self,
        connection: &Connection,
        channel: &Channel,
        shutdown: &CancellationToken,
    ) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.shared.broken.notified() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {
                    if !connection.status().connected() || !channel.status().connected() {
                        return;
                    }
                }
            }
        }
    }
}

/// Closing a connection that is already broken fails, and a stalled broker never answers.
pub(crate) async fn close(connection: &Connection) {
    let closing = connection.close(200, "bye".into());
    if let Ok(Err(error)) = tokio::time::timeout(Duration::from_secs(1), closing).await {
        tracing::debug!(%error, "closing a connection that was already broken");
    }
}

/// All messages are written before the first confirm is awaited: the broker confirms in windows.
async fn publish_on(channel: &Channel, prefix: &str, batch: &[Outgoing]) -> Result<(), Error> {
    let mut confirms = Vec::with_capacity(batch.len());
    for message in batch {
        // Mandatory: without it a message for a queue that does not exist is confirmed and lost.
        let options = BasicPublishOptions {
            mandatory: true,
            ..Default::default()
        };
        let name = topology::name(prefix, message.queue);
        let confirm = channel
            .basic_publish(
                "".into(),
                name.as_str().into(),
                options,
                &message.payload,
                message.properties(),
            )
            .await?;
        confirms.push(async move {
            match confirm.await? {
                Confirmation::Ack(None) => Ok(()),
                Confirmation::Ack(Some(_)) => Err(Error::Unroutable(name)),
                Confirmation::Nack(_) => Err(Error::Refused(name)),
                Confirmation::NotRequested => Err(Error::Unavailable(
                    "the channel does not confirm".to_owned(),
                )),
            }
        });
    }
    try_join_all(confirms).await?;
    Ok(())
}
