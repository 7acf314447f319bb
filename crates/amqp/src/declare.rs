//! Declaring the topology, every time a connection is made: a deleted queue is back at once.

use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection};

use crate::{Error, topology};

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
        declare(connection, &mut channel, &dead, dead_arguments).await?;

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
        declare(connection, &mut channel, &name, arguments).await?;
    }
    channel.close(200, "done".into()).await?;
    Ok(())
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

async fn declare(
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
        Err(error) if is_precondition_failed(&error) => {
            tracing::warn!(queue = name, %error, "queue exists with other arguments; used as it is");
            *channel = connection.create_channel().await?;
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

fn is_precondition_failed(error: &lapin::Error) -> bool {
    use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
    matches!(
        error.kind(),
        lapin::ErrorKind::ProtocolError(amqp)
            if *amqp.kind() == AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED)
    )
}
