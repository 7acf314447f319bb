//! Patience: what failed because PostgreSQL or the broker is away is tried until it works or the
//! process shuts down. Nothing is settled meanwhile, so nothing is lost.

use std::time::Duration;

use carillon_amqp::{Outgoing, Publisher};
use tokio_util::sync::CancellationToken;

/// The process shuts down; what is in hand stays unsettled and goes back to its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShuttingDown;

/// The first wait between tries; doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Short, for the queue waits with us.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// A publish that takes longer than this is tried again on whatever connection there is then.
const CONFIRM_WITHIN: Duration = Duration::from_secs(10);

/// Runs a store function until it does anything but fail for the moment.
pub(crate) async fn store<T, Fut>(
    shutdown: &CancellationToken,
    what: &'static str,
    mut attempt: impl FnMut() -> Fut,
) -> Result<carillon_store::Result<T>, ShuttingDown>
where
    Fut: Future<Output = carillon_store::Result<T>>,
{
    let mut wait = FIRST_WAIT;
    loop {
        match attempt().await {
            Err(error) if error.is_transient() => {
                pause(shutdown, what, &error, &mut wait).await?;
            }
            result => return Ok(result),
        }
    }
}

/// Publishes a batch until it is confirmed. Messages may arrive twice, which every reader bears.
pub(crate) async fn publish(
    shutdown: &CancellationToken,
    publisher: &Publisher,
    batch: &[Outgoing],
) -> Result<(), ShuttingDown> {
    let mut wait = FIRST_WAIT;
    loop {
        match tokio::time::timeout(CONFIRM_WITHIN, publisher.publish(batch)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => pause(shutdown, "publishing", &error, &mut wait).await?,
            Err(_) => {
                let error = carillon_amqp::Error::Unavailable("no confirm in time".to_owned());
                pause(shutdown, "publishing", &error, &mut wait).await?;
            }
        }
    }
}

async fn pause(
    shutdown: &CancellationToken,
    what: &'static str,
    error: &(dyn std::error::Error + Sync),
    wait: &mut Duration,
) -> Result<(), ShuttingDown> {
    if *wait == FIRST_WAIT {
        tracing::warn!(task.name = what, %error, "must wait; trying on");
    }
    metrics::counter!("carillon_waits_for_backend_total", "task" => what).increment(1);
    tokio::select! {
        () = tokio::time::sleep(*wait) => {}
        () = shutdown.cancelled() => return Err(ShuttingDown),
    }
    *wait = (*wait * 2).min(LONGEST_WAIT);
    Ok(())
}
