//! Connecting to the broker.

use std::time::Duration;

use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties};

use crate::Error;

/// How to reach RabbitMQ.
#[derive(Clone)]
pub struct Options {
    /// `amqp://user:password@host:port/vhost`, or `amqps://…`.
    pub url: String,
    /// Before every queue name.
    pub prefix: String,
    /// The name shown by the broker for our connections.
    pub connection_name: String,
}

/// A broker that does not answer the handshake within this time is away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Handshake, topology and consumers together; the first declaration of all queues takes seconds.
const OPEN_WITHIN: Duration = Duration::from_secs(30);
/// Seconds between heartbeats unless the URL says otherwise; a peer that vanished without closing
/// the connection is noticed after two of them.
const HEARTBEAT_S: u16 = 10;

impl Options {
    /// Checks that the URL can be read, without connecting.
    ///
    /// # Errors
    /// [`Error::BadUrl`].
    pub fn check(&self) -> Result<(), Error> {
        self.uri().map(|_| ())
    }

    fn uri(&self) -> Result<AMQPUri, Error> {
        let mut uri: AMQPUri = self.url.parse().map_err(Error::BadUrl)?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT_S);
        Ok(uri)
    }

    /// Opens a connection.
    pub(crate) async fn connect(&self, purpose: &str) -> Result<Connection, Error> {
        let name = format!("{} {purpose}", self.connection_name);
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let connecting = Connection::connect_uri(self.uri()?, properties);
        match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(connection) => Ok(connection?),
            Err(_) => Err(Error::Unavailable("no answer to the handshake".to_owned())),
        }
    }
}

/// The wait before connection attempt number `failures` (from 1): 0.1 s doubling to 2 s, so that
/// a returning broker is used soon and not overrun.
pub(crate) fn pause_after(failures: u32) -> Duration {
    let base = 100u64 << failures.saturating_sub(1).min(5);
    let jitter = rand::random_range(0.8..1.2);
    Duration::from_millis(base.min(2_000)).mul_f64(jitter)
}

/// Bounds the making of a session: a stalled broker answers nothing, not even a refusal.
pub(crate) async fn within_deadline<T>(
    opening: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(OPEN_WITHIN, opening).await {
        Ok(opened) => opened,
        Err(_) => Err(Error::Unavailable("no answer while opening".to_owned())),
    }
}
