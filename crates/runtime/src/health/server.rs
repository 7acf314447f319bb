//! The health port: it answers from before the work begins until after it has ended.

use std::net::SocketAddr;

use actix_web::{App, HttpServer};
use anyhow::Context;

use super::Health;
use crate::tasks::spawn_detached;

/// Serves the routes of `health` on `listen` until the process ends.
///
/// # Errors
/// When the address cannot be bound, for instance because another process has it.
pub(crate) fn serve(health: &Health, listen: SocketAddr) -> anyhow::Result<()> {
    let health = health.clone();
    let server = HttpServer::new(move || App::new().configure(health.routes()))
        // Signals belong to the lifecycle: this server must answer while the process drains.
        .disable_signals()
        .workers(1)
        .bind(listen)
        .with_context(|| format!("cannot listen on {listen} (health.listen)"))?
        .run();
    spawn_detached(async move {
        if let Err(error) = server.await {
            tracing::error!(error = error.to_string(), "the health server has failed");
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::Telemetry;

    #[tokio::test]
    async fn a_port_in_use_is_named_with_its_setting() {
        let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = other.local_addr().expect("bound");
        let health = Health::new(CancellationToken::new(), Telemetry::unused());
        let error = serve(&health, address).expect_err("in use");
        let expected = format!("cannot listen on {address} (health.listen): ");
        assert!(format!("{error:#}").starts_with(&expected), "{error:#}");
    }
}
