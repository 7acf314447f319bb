//! Declaring the topology, every time a connection is made: a deleted queue is back at once.
//!
//! A user that may not configure a queue uses it as it is. So a process may be kept from deleting the
//! queues that hold the only copy of what is in them, if somebody else has declared them.

use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::protocol::AMQPSoftError;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection};

use crate::publisher::close;
use crate::{Error, Options, topology};

/// The first declaration of all queues takes seconds.
const DECLARED_WITHIN: Duration = Duration::from_secs(60);

/// Declares every queue and its dead-letter queue, as every process does when it connects: for a user
/// that may, where processes may not.
///
/// # Errors
/// When the broker is away, or a queue is not there and this user may not declare it.
pub async fn declare(options: &Options) -> Result<(), Error> {
    let connection = options.connect("declare").await?;
    let declaring = declare_all(&connection, &options.prefix);
    let declared = tokio::time::timeout(DECLARED_WITHIN, declaring).await;
    close(&connection).await;
    declared.unwrap_or_else(|_| Err(Error::Unavailable("no answer in time".to_owned())))
}

/// Declares every queue and its dead-letter queue. One that exists with other arguments is used as
/// it is, with a warning that names the difference.
pub(crate) async fn declare_all(connection: &Connection, prefix: &str) -> Result<(), Error> {
    let mut channel = connection.create_channel().await?;
    for spec in topology::all() {
        let dead = topology::dead_name(prefix, spec.queue);
        let mut dead_arguments = FieldTable::default();
        dead_arguments.insert("x-queue-type".into(), text("quorum"));
        dead_arguments.insert(
            "x-delivery-limit".into(),
            AMQPValue::LongLongInt(topology::DEAD_DELIVERY_LIMIT),
        );
        declare_one(connection, &mut channel, &dead, dead_arguments).await?;

        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), text("quorum"));
        arguments.insert(
            "x-delivery-limit".into(),
            AMQPValue::LongLongInt(spec.delivery_limit),
        );
        arguments.insert("x-dead-letter-exchange".into(), text(""));
        arguments.insert("x-dead-letter-routing-key".into(), text(&dead));
        // A dead letter may be the only copy: it must be confirmed by its queue before it is
        // removed from this one, which the broker does only for queues that refuse when full.
        arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
        arguments.insert("x-overflow".into(), text("reject-publish"));
        let name = topology::name(prefix, spec.queue);
        declare_one(connection, &mut channel, &name, arguments).await?;
    }
    channel.close(200, "done".into()).await?;
    Ok(())
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

async fn declare_one(
    connection: &Connection,
    channel: &mut Channel,
    name: &str,
    arguments: FieldTable,
) -> Result<(), Error> {
    let declared = channel
        .queue_declare(name.into(), QueueDeclareOptions::durable(), arguments)
        .await;
    match declared {
        Ok(_) => Ok(()),
        // The broker closes the channel when an existing queue differs, and says how.
        Err(error) if is(&error, AMQPSoftError::PRECONDITIONFAILED) => {
            tracing::warn!(queue = name, %error, "queue exists with other arguments; used as it is");
            *channel = connection.create_channel().await?;
            Ok(())
        }
        Err(error) if is(&error, AMQPSoftError::ACCESSREFUSED) => {
            *channel = connection.create_channel().await?;
            find(channel, name).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether a queue that may not be declared is there, which every user may ask.
async fn find(channel: &Channel, name: &str) -> Result<(), Error> {
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::durable()
    };
    let found = channel.queue_declare(name.into(), passive, FieldTable::default());
    match found.await {
        Ok(_) => {
            tracing::debug!(queue = name, "queue may not be configured; used as it is");
            Ok(())
        }
        Err(error) if is(&error, AMQPSoftError::NOTFOUND) => Err(Error::Unavailable(format!(
            "queue {name} is not there, and this user may not declare it; \
             `carillon queues declare` does, as a user that may"
        ))),
        Err(error) => Err(error.into()),
    }
}

fn is(error: &lapin::Error, kind: AMQPSoftError) -> bool {
    use lapin::protocol::AMQPErrorKind;
    matches!(
        error.kind(),
        lapin::ErrorKind::ProtocolError(amqp) if *amqp.kind() == AMQPErrorKind::Soft(kind)
    )
}
