//! Consuming: deliveries flow into a channel per subscription, acknowledgements flow back.
//!
//! All subscriptions share one connection. Only a queue that the broker cannot serve, and for which it
//! closes whatever connection asks, is consumed over one of its own, so that it stops no other
//! (`keep`).

mod flow;

use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use lapin::options::{BasicConsumeOptions, BasicQosOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::connect::{pause_after, within_deadline};
use crate::declare::declare_all;
use crate::delivery::Delivery;
use crate::publisher::close;
use crate::{Error, Options, topology};
use flow::flow;

/// A queue to consume, and where its deliveries go.
pub struct Subscription {
    /// The queue's name on the broker.
    pub name: String,
    /// The most unsettled deliveries at a time.
    pub prefetch: u16,
    /// Where deliveries go; backpressure is the prefetch.
    pub deliveries: mpsc::Sender<Delivery>,
}

/// All consumers of a process.
pub struct Consumers {
    options: Options,
    subscriptions: Vec<Subscription>,
}

const CONSUMER_TAG: &str = "carillon";
/// A queue that does not let itself be consumed within this time, while its connection stands, is
/// broken.
const CONSUMED_WITHIN: Duration = Duration::from_secs(10);
/// A queue at which so many connections in a row broke gets one of its own: a broker that goes away
/// may leave any of them off once.
const APART_AFTER: u32 = 2;
/// The broker could not serve a queue for this time, and everything else it could: it will not mend
/// by itself.
const REBUILT_AFTER: Duration = Duration::from_secs(20);

/// What keeps a connection with its consumers from being made.
enum Unopened {
    /// The broker is away, or refuses more than one queue.
    Away(Error),
    /// The connection and all queues are there, but this one cannot be consumed.
    Broken {
        /// Which of the subscriptions.
        nth: usize,
        /// Whether the broker failed over it, rather than not to answer.
        is_fault: bool,
        error: Error,
    },
}

impl From<Error> for Unopened {
    fn from(error: Error) -> Self {
        Self::Away(error)
    }
}

/// The queue at which opening broke the last times, in a row.
struct Trouble {
    queue: String,
    times: u32,
    since: Instant,
}

impl Consumers {
    /// Consumers that are not connected yet.
    #[must_use]
    pub const fn new(options: Options, subscriptions: Vec<Subscription>) -> Self {
        Self {
            options,
            subscriptions,
        }
    }

    /// Consumes until shutdown, then stops taking and returns once every delivery in hand is
    /// settled or dropped. `ready` hears of the shared connection: a broken queue makes no process
    /// unready, for the others are served.
    pub async fn run(self, shutdown: CancellationToken, ready: impl Fn(bool) + Send + Sync) {
        let Self {
            options,
            subscriptions,
        } = self;
        let mut apart = FuturesUnordered::new();
        let mut shared = Box::pin(keep(&options, subscriptions, &shutdown, &ready));
        loop {
            tokio::select! {
                split = &mut shared => {
                    let Some(Split { broken, others }) = split else { break };
                    apart.push(keep(&options, vec![broken], &shutdown, &|_| {}));
                    shared = Box::pin(keep(&options, others, &shutdown, &ready));
                }
                // They end at shutdown only, and one by itself is never split.
                Some(_) = apart.next() => {}
            }
        }
        while apart.next().await.is_some() {}
    }
}

/// A subscription that is to go on apart from the others.
struct Split {
    broken: Subscription,
    others: Vec<Subscription>,
}

/// Keeps a connection with these consumers until shutdown, or until one of several proves broken. One
/// that is alone already is rebuilt if PostgreSQL has what was in it.
async fn keep(
    options: &Options,
    mut subscriptions: Vec<Subscription>,
    shutdown: &CancellationToken,
    ready: &(dyn Fn(bool) + Send + Sync),
) -> Option<Split> {
    let mut failures = 0;
    let mut trouble: Option<Trouble> = None;
    while !shutdown.is_cancelled() {
        let opened = tokio::select! {
            opened = open(options, &subscriptions) => opened,
            () = shutdown.cancelled() => return None,
        };
        let (nth, is_fault, error) = match opened {
            Ok((connection, channels)) => {
                trouble = None;
                if let [alone] = subscriptions.as_slice() {
                    tell_broken(options, &alone.name, false);
                }
                failures = 0;
                ready(true);
                tracing::info!(n_queues = channels.len(), "consuming");
                let ended = consume(&subscriptions, channels, shutdown).await;
                ready(false);
                if let Err(error) = ended {
                    tracing::warn!(%error, "consuming broke off; rebuilding");
                }
                close(&connection).await;
                continue;
            }
            Err(Unopened::Away(error)) => (None, false, error),
            Err(Unopened::Broken {
                nth,
                is_fault,
                error,
            }) => (Some(nth), is_fault, error),
        };
        failures += 1;
        if failures == 1 {
            tracing::warn!(%error, "cannot consume from RabbitMQ; trying on");
        }
        if let Some(nth) = nth {
            let times = met(&mut trouble, &subscriptions[nth].name);
            if times >= APART_AFTER && subscriptions.len() > 1 {
                let broken = subscriptions.remove(nth);
                tracing::error!(queue = broken.name, %error, "the broker cannot serve a queue; \
                     the others go on without it");
                return Some(Split {
                    broken,
                    others: subscriptions,
                });
            }
            if subscriptions.len() == 1 && times >= APART_AFTER {
                tell_broken(options, &subscriptions[nth].name, true);
                if let Some(trouble) = trouble.as_mut().filter(|t| is_fault && t.is_lasting()) {
                    rebuild(options, &subscriptions[nth].name).await;
                    trouble.since = Instant::now();
                }
            }
        } else {
            trouble = None;
        }
        tokio::select! {
            () = tokio::time::sleep(pause_after(failures)) => {}
            () = shutdown.cancelled() => {}
        }
    }
    None
}

impl Trouble {
    fn is_lasting(&self) -> bool {
        self.since.elapsed() >= REBUILT_AFTER
    }
}

/// Notes that opening broke at this queue; how many times in a row it did.
fn met(trouble: &mut Option<Trouble>, queue: &str) -> u32 {
    match trouble {
        Some(known) if known.queue == queue => {
            known.times += 1;
            known.times
        }
        _ => {
            *trouble = Some(Trouble {
                queue: queue.to_owned(),
                times: 1,
                since: Instant::now(),
            });
            1
        }
    }
}

type Opened = (Connection, Vec<(Channel, lapin::Consumer)>);

async fn open(options: &Options, subscriptions: &[Subscription]) -> Result<Opened, Unopened> {
    let connection = within_deadline(async {
        let connection = options.connect("consumer").await?;
        declare_all(&connection, &options.prefix).await?;
        Ok(connection)
    })
    .await?;
    let mut channels = Vec::with_capacity(subscriptions.len());
    for (nth, subscription) in subscriptions.iter().enumerate() {
        // A stalled broker answers nothing, not even a refusal.
        let consuming = tokio::time::timeout(CONSUMED_WITHIN, begin(&connection, subscription));
        let (is_fault, error) = match consuming.await {
            Ok(Ok(begun)) => {
                channels.push(begun);
                continue;
            }
            Ok(Err(error)) => (is_internal(&error), error.into()),
            Err(_) => (false, Error::Unavailable("no answer in time".to_owned())),
        };
        close(&connection).await;
        return Err(Unopened::Broken {
            nth,
            is_fault,
            error,
        });
    }
    Ok((connection, channels))
}

async fn begin(
    connection: &Connection,
    subscription: &Subscription,
) -> lapin::Result<(Channel, lapin::Consumer)> {
    let channel = connection.create_channel().await?;
    channel
        .basic_qos(subscription.prefetch, BasicQosOptions::default())
        .await?;
    let consumer = channel
        .basic_consume(
            subscription.name.as_str().into(),
            CONSUMER_TAG.into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await?;
    Ok((channel, consumer))
}

/// Whether the broker itself failed over what it was asked.
fn is_internal(error: &lapin::Error) -> bool {
    use lapin::protocol::{AMQPErrorKind, AMQPHardError};
    matches!(
        error.kind(),
        lapin::ErrorKind::ProtocolError(amqp)
            if *amqp.kind() == AMQPErrorKind::Hard(AMQPHardError::INTERNALERROR)
    )
}

/// Deletes a queue that the broker cannot serve, if it holds ids only: it is declared with the next
/// connection, and PostgreSQL sends on what was in it. One that may hold the only copy of a message is
/// left to a person.
async fn rebuild(options: &Options, name: &str) {
    let Some(queue) = topology::lane_named(&options.prefix, name) else {
        tracing::error!(
            queue = name,
            "the broker cannot serve a queue that may hold the only copy of messages; \
             see docs/runbooks/queue-broken.md"
        );
        return;
    };
    let deleting = async {
        let connection = options.connect("rebuild").await?;
        let channel = connection.create_channel().await?;
        channel
            .queue_delete(name.into(), QueueDeleteOptions::default())
            .await?;
        close(&connection).await;
        Ok(())
    };
    match within_deadline(deleting).await {
        Ok(()) => {
            metrics::counter!("carillon_queues_rebuilt_total", "queue" => queue.as_str())
                .increment(1);
            tracing::warn!(
                queue = name,
                "the broker could not serve a queue; it was deleted and is declared anew"
            );
        }
        Err(error) => tracing::error!(queue = name, %error, "a broken queue cannot be deleted"),
    }
}

/// Says in a metric whether the broker can serve a queue.
fn tell_broken(options: &Options, name: &str, is_broken: bool) {
    let queue = name.strip_prefix(&options.prefix).unwrap_or(name);
    metrics::gauge!("carillon_queue_broken", "queue" => queue.to_owned())
        .set(f64::from(u8::from(is_broken)));
}

/// Runs every subscription; the first to break ends all, for they share the connection.
async fn consume(
    subscriptions: &[Subscription],
    channels: Vec<(Channel, lapin::Consumer)>,
    shutdown: &CancellationToken,
) -> Result<(), Error> {
    let mut running: FuturesUnordered<_> = subscriptions
        .iter()
        .zip(channels)
        .map(|(subscription, (channel, consumer))| flow(subscription, channel, consumer, shutdown))
        .collect();
    while let Some(ended) = running.next().await {
        ended?;
    }
    Ok(())
}
