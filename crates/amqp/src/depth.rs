//! How many messages wait in each queue, for people.

use carillon_core::queue::Queue;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;

use crate::publisher::close;
use crate::{Error, Options, topology};

/// One queue as the broker sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    /// The queue.
    pub queue: Queue,
    /// Messages waiting; none when the queue does not exist.
    pub messages: Option<u32>,
    /// Consumers.
    pub consumers: u32,
    /// Messages in its dead-letter queue.
    pub dead: Option<u32>,
}

/// Asks the broker, without declaring anything.
///
/// # Errors
/// When the broker is away.
pub async fn read(options: &Options) -> Result<Vec<Depth>, Error> {
    let connection = options.connect("depth").await?;
    let mut depths = Vec::new();
    for spec in topology::all() {
        let waiting = ask(&connection, &topology::name(&options.prefix, spec.queue)).await?;
        let dead = ask(
            &connection,
            &topology::dead_name(&options.prefix, spec.queue),
        )
        .await?;
        depths.push(Depth {
            queue: spec.queue,
            messages: waiting.map(|w| w.0),
            consumers: waiting.map_or(0, |w| w.1),
            dead: dead.map(|d| d.0),
        });
    }
    close(&connection).await;
    Ok(depths)
}

/// A passive declare on a channel of its own: the broker closes the channel when there is none.
async fn ask(connection: &lapin::Connection, name: &str) -> Result<Option<(u32, u32)>, Error> {
    let channel = connection.create_channel().await?;
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::durable()
    };
    match channel
        .queue_declare(name.into(), options, FieldTable::default())
        .await
    {
        Ok(queue) => {
            channel.close(200, "done".into()).await?;
            Ok(Some((queue.message_count(), queue.consumer_count())))
        }
        Err(error) if connection.status().connected() => {
            tracing::debug!(queue = name, %error, "queue cannot be read");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
