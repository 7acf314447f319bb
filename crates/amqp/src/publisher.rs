//! Publishing with confirms.

use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};

use lapin::{Channel, Confirmation, Connection};
use parking_lot::RwLock;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::connect::{pause_after, within_deadline};
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
    /// None while the broker is away.
    session: RwLock<Option<Session>>,
    /// Rings whenever a session was made.
    connected: Notify,
}

/// The confirming channel of one connection, and its bell.
#[derive(Clone)]
struct Session {
    channel: Channel,
    /// Rings when a publish failed in a way that a new session may mend. A late failure on an old
    /// session does not tear down the new one.
    broken: Arc<Notify>,
}

/// How often a silent connection is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Publisher {
    /// A publisher that is not connected yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let shared = Shared {
            options,
            session: RwLock::new(None),
            connected: Notify::new(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Whether there is a connection; it may still break at any time.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.session().is_some()
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
        let session = self
            .session()
            .ok_or_else(|| Error::Unavailable("not connected".to_owned()))?;
        let published = publish_on(&session.channel, &self.shared.options.prefix, batch).await;
        if matches!(published, Err(Error::Unavailable(_) | Error::Unroutable(_))) {
            session.broken.notify_one();
        }
        published
    }

    /// Keeps a connection until shutdown: connects, declares the topology, watches, rebuilds.
    pub async fn run(&self, shutdown: CancellationToken, ready: impl Fn(bool) + Send) {
        let mut failures = 0;
        while !shutdown.is_cancelled() {
            let opened = tokio::select! {
                opened = within_deadline(self.open()) => opened,
                () = shutdown.cancelled() => return,
            };
            match opened {
                Ok((connection, session)) => {
                    failures = 0;
                    *self.shared.session.write() = Some(session.clone());
                    self.shared.connected.notify_waiters();
                    ready(true);
                    tracing::info!("connected to RabbitMQ for publishing");
                    watch(&connection, &session, &shutdown).await;
                    *self.shared.session.write() = None;
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

    fn session(&self) -> Option<Session> {
        self.shared.session.read().clone()
    }

    async fn open(&self) -> Result<(Connection, Session), Error> {
        let connection = self.shared.options.connect("publisher").await?;
        declare_all(&connection, &self.shared.options.prefix).await?;
        let channel = connection.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        let broken = Arc::new(Notify::new());
        Ok((connection, Session { channel, broken }))
    }
}

/// Returns when the session is to be rebuilt, or at shutdown.
async fn watch(connection: &Connection, session: &Session, shutdown: &CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = session.broken.notified() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {
                if !connection.status().connected() || !session.channel.status().connected() {
                    return;
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
