//! The broker past the product: queues of floors, clearing up, its version.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, anyhow};
use carillon_amqp::topology;
use lapin::options::{QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::uri::AMQPUri;
use lapin::{BasicProperties, Connection, ConnectionProperties};

/// Connects.
pub(crate) async fn connect(url: &str) -> anyhow::Result<Connection> {
    let uri: AMQPUri = url
        .parse()
        .map_err(|error| anyhow!("the broker's URL: {error}"))?;
    Connection::connect_uri(uri, ConnectionProperties::default())
        .await
        .context("connecting to the broker")
}

/// Declares a quorum queue with the arguments that the product's queues have.
pub(crate) async fn declare(connection: &Connection, queue: &str) -> anyhow::Result<()> {
    let text = |value: &str| AMQPValue::LongString(value.into());
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(64));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    let channel = connection.create_channel().await?;
    channel
        .queue_declare(queue.into(), QueueDeclareOptions::durable(), arguments)
        .await
        .with_context(|| format!("declaring {queue}"))?;
    channel.close(200, "done".into()).await?;
    Ok(())
}

/// Deletes queues with all that is in them, so that the next phase starts from none.
pub(crate) async fn delete(url: &str, queues: &[String]) -> anyhow::Result<()> {
    let connection = connect(url).await?;
    let channel = connection.create_channel().await?;
    for queue in queues {
        channel
            .queue_delete(queue.as_str().into(), QueueDeleteOptions::default())
            .await
            .with_context(|| format!("deleting {queue}"))?;
    }
    connection.close(200, "done".into()).await?;
    Ok(())
}

/// Empties a queue.
pub(crate) async fn purge(url: &str, queue: &str) -> anyhow::Result<()> {
    let connection = connect(url).await?;
    let channel = connection.create_channel().await?;
    channel
        .queue_purge(queue.into(), QueuePurgeOptions::default())
        .await
        .with_context(|| format!("emptying {queue}"))?;
    connection.close(200, "done".into()).await?;
    Ok(())
}

/// Every queue of an installation.
pub(crate) fn queues(prefix: &str) -> Vec<String> {
    topology::all()
        .flat_map(|spec| {
            [
                topology::name(prefix, spec.queue),
                topology::dead_name(prefix, spec.queue),
            ]
        })
        .collect()
}

/// The envelope of a saved notification, as the product's.
pub(crate) fn properties() -> BasicProperties {
    let mut headers = FieldTable::default();
    headers.insert("x-version".into(), AMQPValue::ShortUInt(1));
    BasicProperties::default()
        .with_delivery_mode(2)
        .with_content_type("application/json".into())
        .with_type("save-notifications".into())
        .with_message_id(uuid::Uuid::nil().to_string().into())
        .with_headers(headers)
}

/// The version that the broker names in the first frame it sends.
pub(crate) fn version(url: &str) -> Option<String> {
    let uri: AMQPUri = url.parse().ok()?;
    let mut stream = TcpStream::connect((uri.authority.host.as_str(), uri.authority.port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(b"AMQP\x00\x00\x09\x01").ok()?;
    let mut frame = vec![0; 4_096];
    let n = stream.read(&mut frame).ok()?;
    version_in(&frame[..n])
}

/// A field of the server's properties: name, type `S`, four bytes of length, text.
fn version_in(frame: &[u8]) -> Option<String> {
    const NAME: &[u8] = b"\x07versionS";
    let at = frame.windows(NAME.len()).position(|bytes| bytes == NAME)? + NAME.len();
    let length = u32::from_be_bytes(frame.get(at..at + 4)?.try_into().ok()?);
    let text = frame.get(at + 4..at + 4 + usize::try_from(length).ok()?)?;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_among_the_server_s_properties() {
        let frame = b"..\x07productS\x00\x00\x00\x01x\x07versionS\x00\x00\x00\x063.10.8\x01a";
        assert_eq!(version_in(frame).as_deref(), Some("3.10.8"));
        assert_eq!(version_in(b"no"), None);
    }
}
