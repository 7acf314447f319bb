//! The process: settings in, server and deliveries running until it is told to stop.

use std::net::TcpListener;
use std::sync::Arc;

use anyhow::Context;
use carillon_runtime::App;
use secrecy::ExposeSecret;

use crate::control::Controls;
use crate::receipts::{Callback, deliver};
use crate::sandbox::Sandbox;
use crate::server;

/// Runs the sandbox until shutdown.
///
/// # Errors
/// When a setting is missing or unusable, the address is taken, or the log is in use.
pub async fn run(app: App) -> anyhow::Result<()> {
    let ready = app.health.component("sandbox");
    let settings = &app.settings.sandbox;
    let key = settings
        .signing_key
        .as_ref()
        .context("sandbox.signing_key is missing")?;
    let callback = Callback::new(&settings.callback_url, key.expose_secret().as_bytes())?;
    let controls = Controls {
        throttle_per_second: settings.throttle_per_second,
        receipt_delay_ms: u32::try_from(settings.receipt_delay.as_millis())
            .context("sandbox.receipt_delay_ms is too long")?,
        fail_all: false,
        hold_receipts: false,
    };
    let listener = TcpListener::bind(settings.listen)
        .with_context(|| format!("cannot listen on {} (sandbox.listen)", settings.listen))?;
    let (sandbox, arrivals) = Sandbox::open(&settings.log_file, controls)?;
    let sandbox = Arc::new(sandbox);

    let (for_delivery, stop) = (sandbox.clone(), app.shutdown.clone());
    app.tasks.spawn_essential("receipts", async move {
        deliver(&for_delivery, &callback, arrivals, stop).await;
        Ok(())
    });
    let server = server::serve(listener, sandbox, app.shutdown.clone())
        .context("starting the HTTP server")?;
    ready.set_ready(true);
    tracing::info!(listen = %settings.listen, "the sandbox takes messages");
    server.await.context("serving HTTP")
}
