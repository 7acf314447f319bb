//! Looking at the broker without changing anything, for `carillon doctor`.

mod greeting;

use std::time::Duration;

use carillon_core::queue::Queue;
use lapin::options::QueueDeclareOptions;
use lapin::protocol::{AMQPError, AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection};
use tokio::time::Instant;

use crate::publisher::close;
use crate::{Error, Options, topology};

pub use greeting::{Greeting, greeting};

/// The broker, as one connection finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// A question and its answer on the open connection, at best of many.
    pub round_trip: Duration,
    /// Whether the broker has said that it takes no messages for want of memory or disk. Most
    /// brokers say so only to connections that publish, which this one does not.
    pub blocked: bool,
    /// Every queue of the topology, each followed by its dead-letter queue.
    pub queues: Vec<Inspected>,
}

/// A queue as it should be, and as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// The queue, or that whose dead letters it takes.
    pub queue: Queue,
    /// Whether it is the dead-letter queue.
    pub is_dead: bool,
    /// Its name on the broker.
    pub name: String,
    /// What was found.
    pub found: Found,
}

/// What became of looking at a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// There is none of this name.
    Missing,
    /// It is there.
    There {
        /// Messages waiting.
        messages: u32,
        /// Consumers.
        consumers: u32,
        /// The first argument in which it differs from what is declared, in the broker's words; none
        /// either if this user may not configure it, to whom the broker does not say.
        difference: Option<String>,
    },
    /// The broker does not let this user look, in its words.
    Unreadable(String),
}

/// Looks at every queue, and declares none that is missing.
///
/// # Errors
/// When the broker is away. Has no deadline but that of connecting.
pub async fn inspect(options: &Options) -> Result<Inspection, Error> {
    let connection = options.connect("doctor").await?;
    let mut questions = Questions {
        connection: &connection,
        channel: connection.create_channel().await?,
        quickest: Duration::MAX,
    };
    let mut queues = Vec::new();
    for spec in topology::all() {
        let dead = topology::dead_name(&options.prefix, spec.queue);
        for (name, arguments, is_dead) in [
            (
                topology::name(&options.prefix, spec.queue),
                arguments(spec, &dead),
                false,
            ),
            (dead.clone(), arguments_of_dead(), true),
        ] {
            queues.push(Inspected {
                queue: spec.queue,
                is_dead,
                found: questions.look(&name, arguments).await?,
                name,
            });
        }
    }
    let (round_trip, blocked) = (questions.quickest, connection.status().blocked());
    close(&connection).await;
    Ok(Inspection {
        round_trip,
        blocked,
        queues,
    })
}

/// What a queue is declared with. A test holds it against what the publisher declares.
fn arguments(spec: topology::Spec, dead: &str) -> FieldTable {
    let mut arguments = quorum(spec.delivery_limit);
    arguments.insert("x-dead-letter-exchange".into(), text(""));
    arguments.insert("x-dead-letter-routing-key".into(), text(dead));
    arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    arguments
}

fn arguments_of_dead() -> FieldTable {
    quorum(topology::DEAD_DELIVERY_LIMIT)
}

fn quorum(delivery_limit: i64) -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert(
        "x-delivery-limit".into(),
        AMQPValue::LongLongInt(delivery_limit),
    );
    arguments
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// Asks over one channel, and over a new one after each refusal: the broker closes the channel.
struct Questions<'a> {
    connection: &'a Connection,
    channel: Channel,
    /// Of all answers so far.
    quickest: Duration,
}

impl Questions<'_> {
    async fn look(&mut self, name: &str, arguments: FieldTable) -> Result<Found, Error> {
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::durable()
        };
        let (messages, consumers) = match self.declare(name, passive, FieldTable::default()).await?
        {
            Ok(counts) => counts,
            Err(refusal) if is(&refusal, AMQPSoftError::NOTFOUND) => return Ok(Found::Missing),
            Err(refusal) => return Ok(Found::Unreadable(words(&refusal))),
        };
        // It is there, so declaring it makes nothing: the broker compares, and refuses what differs.
        let again = QueueDeclareOptions::durable();
        match self.declare(name, again, arguments).await? {
            // Who may not configure it may use it, and cannot have it compared.
            Err(refusal) if is(&refusal, AMQPSoftError::ACCESSREFUSED) => Ok(Found::There {
                messages,
                consumers,
                difference: None,
            }),
            Err(refusal) if !is(&refusal, AMQPSoftError::PRECONDITIONFAILED) => {
                Ok(Found::Unreadable(words(&refusal)))
            }
            compared => Ok(Found::There {
                messages,
                consumers,
                difference: compared.err().map(|refusal| words(&refusal)),
            }),
        }
    }

    /// Messages and consumers, or the broker's refusal.
    async fn declare(
        &mut self,
        name: &str,
        options: QueueDeclareOptions,
        arguments: FieldTable,
    ) -> Result<Result<(u32, u32), AMQPError>, Error> {
        let asked = Instant::now();
        let declared = self
            .channel
            .queue_declare(name.into(), options, arguments)
            .await;
        self.quickest = self.quickest.min(asked.elapsed());
        match declared {
            Ok(queue) => Ok(Ok((queue.message_count(), queue.consumer_count()))),
            Err(error) => match error.kind() {
                lapin::ErrorKind::ProtocolError(refusal)
                    if self.connection.status().connected() =>
                {
                    let refusal = refusal.clone();
                    self.channel = self.connection.create_channel().await?;
                    Ok(Err(refusal))
                }
                _ => Err(error.into()),
            },
        }
    }
}

fn is(refusal: &AMQPError, kind: AMQPSoftError) -> bool {
    *refusal.kind() == AMQPErrorKind::Soft(kind)
}

fn words(refusal: &AMQPError) -> String {
    refusal.get_message().to_string()
}
