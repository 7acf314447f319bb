//! What the first requests of a process would have to wait for, done before it is ready: they may not
//! wait for long, and so would be refused.

use std::time::Duration;

use carillon_amqp::Publisher;
use carillon_core::id::ServiceId;
use carillon_store::service;
use futures::StreamExt;

use crate::state::State;

/// It is ready after this time whatever it knows: a server that is away must not keep it from accepting
/// with the other.
const WITHIN: Duration = Duration::from_secs(5);

/// Services that are read side by side, each over a connection of its own.
const SIDE_BY_SIDE: usize = 4;

/// Between two tries to read a service.
const PAUSE: Duration = Duration::from_millis(200);

/// Connects to both servers, and reads the active services into the cache, as many as it can in time.
pub(crate) async fn warm_up(state: &State, publisher: &Publisher) {
    let both = async { tokio::join!(know_services(state), publisher.connected()) };
    // What is away is said by whoever needs it.
    let _ = tokio::time::timeout(WITHIN, both).await;
}

async fn know_services(state: &State) {
    let Ok(services) = service::list(&state.store).await else {
        return;
    };
    let active = services.into_iter().filter(|service| service.active);
    futures::stream::iter(active)
        .for_each_concurrent(SIDE_BY_SIDE, |service| know(state, service.id))
        .await;
}

async fn know(state: &State, service: ServiceId) {
    while state.services.get(service).await.is_err() {
        tokio::time::sleep(PAUSE).await;
    }
}
