//! Publishing with a deadline: a poller never waits long for a broker, for the rows can wait.

use std::time::Duration;

use carillon_amqp::{Error, Outgoing, Publisher};

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
