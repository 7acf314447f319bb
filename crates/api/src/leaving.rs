//! The end of the API: it goes on for a moment, and asks every client to come back elsewhere.
//!
//! A server that only stops cuts off who has not noticed yet: requests that were written a moment before
//! it closed their connection, and connections that a balancer still sends. So for `api.linger_ms` it
//! takes whatever comes and answers with `connection: close`; what uses no connection during that time
//! is idle.

use std::time::Duration;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::middleware::Next;
use carillon_runtime::Settings;
use tokio_util::sync::CancellationToken;

const HAND_BACK: Duration = Duration::from_secs(1);

/// Answers, and closes the connection afterwards if the process is to end.
pub(crate) async fn answer<B: MessageBody>(
    shutdown: CancellationToken,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let mut response = next.call(request).await?;
    if shutdown.is_cancelled() {
        let head = response.response_mut().head_mut();
        head.set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

/// What is left after lingering of the time in which the process has to end, and a second less: what is
/// leased of limits is handed back in it.
pub(crate) fn ends_within(settings: &Settings) -> Duration {
    let left = settings.shutdown.drain.saturating_sub(settings.api.linger);
    left.saturating_sub(HAND_BACK).max(HAND_BACK)
}

/// Stops the server some time after the process was told to end, and finishes what has begun.
pub(crate) async fn stop_after(
    linger: Duration,
    shutdown: CancellationToken,
    server: ServerHandle,
) {
    shutdown.cancelled().await;
    tokio::time::sleep(linger).await;
    server.stop(true).await;
}
