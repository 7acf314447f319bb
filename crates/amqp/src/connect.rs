//! Connecting to the broker.

use std::time::Duration;

use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties};

use crate::Error;

/// How to reach RabbitMQ.
#[derive(Clone)]
pub struct Options {
    /// `amqp://user:password@host:port/vhost`, or `amqps://…`; of several nodes of one cluster,
    /// separated by commas.
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
        self.uris().map(|_| ())
    }

    /// The URL of each node, in the order in which they are given.
    #[must_use]
    pub fn urls(&self) -> Vec<&str> {
        separate(&self.url)
    }

    pub(crate) fn uris(&self) -> Result<Vec<AMQPUri>, Error> {
        self.urls().into_iter().map(parse).collect()
    }

    /// Opens a connection to one of the nodes, any of those that answer: so processes spread over them,
    /// and leave one that is away for another.
    pub(crate) async fn connect(&self, purpose: &str) -> Result<Connection, Error> {
        let mut uris = self.uris()?;
        let first = rand::random_range(0..uris.len());
        uris.rotate_left(first);
        let mut failed = Error::BadUrl("there is none".to_owned());
        for uri in uris {
            match self.connect_to(uri, purpose).await {
                Ok(connection) => return Ok(connection),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    async fn connect_to(&self, uri: AMQPUri, purpose: &str) -> Result<Connection, Error> {
        let name = format!("{} {purpose}", self.connection_name);
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let connecting = Connection::connect_uri(uri, properties);
        match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(connection) => Ok(connection?),
            Err(_) => Err(Error::Unavailable("no answer to the handshake".to_owned())),
        }
    }
}

/// The URLs of a list. A comma ends one only where another begins: a password may have commas.
fn separate(list: &str) -> Vec<&str> {
    let begins_url = |text: &str| {
        let text = text.trim_start();
        text.starts_with("amqp://") || text.starts_with("amqps://")
    };
    let mut urls = Vec::new();
    let mut from = 0;
    for (at, _) in list.match_indices(',') {
        if begins_url(&list[at + 1..]) {
            urls.push(list[from..at].trim());
            from = at + 1;
        }
    }
    urls.push(list[from..].trim());
    urls
}

fn parse(url: &str) -> Result<AMQPUri, Error> {
    let mut uri: AMQPUri = url.parse().map_err(Error::BadUrl)?;
    uri.query.heartbeat.get_or_insert(HEARTBEAT_S);
    Ok(uri)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_separated_where_a_url_begins() {
        for (list, urls) in [
            ("amqp://mq", vec!["amqp://mq"]),
            (
                "amqp://u:p,q@a:1/%2f, amqps://u:p@b,amqp://c",
                vec!["amqp://u:p,q@a:1/%2f", "amqps://u:p@b", "amqp://c"],
            ),
            ("", vec![""]),
            ("amqp://a,b", vec!["amqp://a,b"]),
        ] {
            assert_eq!(separate(list), urls, "{list}");
        }
    }

    #[test]
    fn each_url_of_a_list_must_be_one() {
        let check = |url: &str| {
            let options = Options {
                url: url.to_owned(),
                prefix: String::new(),
                connection_name: "test".to_owned(),
            };
            options.check()
        };
        assert_eq!(check("amqp://a:1,amqp://b:2"), Ok(()));
        assert!(matches!(
            check("amqp://a,amqp://b:x"),
            Err(Error::BadUrl(_))
        ));
        assert!(matches!(check(""), Err(Error::BadUrl(_))));
    }
}
