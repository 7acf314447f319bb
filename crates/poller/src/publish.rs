//! Publishing with a deadline: a poller never waits long for a broker, for the rows can wait.

use std::collections::BTreeMap;
use std::time::Duration;

use carillon_amqp::{Error, Outgoing, Publisher};
use carillon_core::queue::Queue;
use futures::future::join_all;

/// A broker that does not confirm within this time is taken to be away.
const CONFIRM_WITHIN: Duration = Duration::from_secs(5);

/// Publishes a batch, or says why not.
pub(crate) async fn within_deadline(
    publisher: &Publisher,
    batch: &[Outgoing],
) -> Result<(), Error> {
    match tokio::time::timeout(CONFIRM_WITHIN, publisher.publish(batch)).await {
        Ok(published) => published,
        Err(_) => Err(Error::Unavailable("no confirm in time".to_owned())),
    }
}

/// The wait of rows that could not be published while no queue took any.
const BROKER_AWAY_FOR: Duration = Duration::from_secs(2);
/// And of those of a queue that took none while others did. It may answer nothing, and each try of it
/// then takes a round its whole deadline.
const QUEUE_AWAY_FOR: Duration = Duration::from_secs(15);

/// What of a round goes to one queue, and the rows that it stands for.
pub(crate) struct Share<I> {
    pub tasks: Vec<Outgoing>,
    pub ids: Vec<I>,
}

impl<I> Default for Share<I> {
    fn default() -> Self {
        Self {
            tasks: Vec::new(),
            ids: Vec::new(),
        }
    }
}

/// What a queue did not take.
pub(crate) struct Failed<I> {
    pub queue: Queue,
    pub ids: Vec<I>,
    pub error: Error,
    /// After which time to try again.
    pub wait: Duration,
}

/// Publishes to several queues with a confirm for each: one that the broker cannot serve fails by
/// itself. Returns what was not taken, and whether that is everything.
pub(crate) async fn by_queue<I>(
    publisher: &Publisher,
    shares: BTreeMap<Queue, Share<I>>,
) -> (Vec<Failed<I>>, bool) {
    let n_queues = shares.len();
    let publishing = shares.into_iter().map(|(queue, share)| async move {
        let published = within_deadline(publisher, &share.tasks).await;
        published.map_err(|error| (queue, share.ids, error))
    });
    let failed: Vec<_> = join_all(publishing)
        .await
        .into_iter()
        .filter_map(Result::err)
        .collect();
    let is_all = failed.len() == n_queues;
    let wait = if is_all {
        BROKER_AWAY_FOR
    } else {
        QUEUE_AWAY_FOR
    };
    let failed = failed.into_iter().map(|(queue, ids, error)| Failed {
        queue,
        ids,
        error,
        wait,
    });
    (failed.collect(), is_all)
}
