//! The HTTP front of Carillon.
//!
//! A message's way in, in the order of the files: `auth`, `routes``/send`, `accept`. A 201 is
//! answered only after the message is durable: confirmed by the broker, or committed to PostgreSQL
//! when the broker is away. With warm caches neither of the two is needed for anything else, so
//! accepting goes on while either is down.
//!
//! To add a route: its file under `routes/`, a line in `mount`.

mod accept;
mod auth;
mod cache;
mod coalesce;
mod error;
mod fresh_read;
mod idempotency;
mod jobs;
mod leaving;
mod ledger;
mod limits;
mod mount;
mod receipts;
mod routes;
mod state;
mod trace;
mod warm_up;

use std::net::TcpListener;

use actix_web::{App as ActixApp, HttpServer, web};
use anyhow::Context;
use carillon_amqp::Publisher;
use carillon_runtime::App;
use tokio_util::sync::CancellationToken;

use state::State;

/// The longest line of headers and body that a slow client may take to send.
const REQUEST_HEAD_WITHIN: std::time::Duration = std::time::Duration::from_secs(10);

/// An idle connection is kept for longer than clients (90 s) and balancers (60 s) keep theirs: whoever
/// closes first must be the one that would send next, or else a request meets a connection just closed.
const KEEP_ALIVE: std::time::Duration = std::time::Duration::from_secs(120);

/// Runs until shutdown, lingers (`leaving`), then answers what has begun.
///
/// # Errors
/// When the settings do not make sense or the address is in use.
pub async fn run(app: App) -> anyhow::Result<()> {
    let store = carillon_connect::store(&app.settings, "carillon-api")?;
    let amqp = carillon_connect::broker(&app.settings, "carillon-api")?;
    let publisher = Publisher::new(amqp);
    let listening = app.health.component("listening");
    let listen = app.settings.api.listen;
    let listener = TcpListener::bind(listen)
        .with_context(|| format!("cannot listen on {listen} (api.listen)"))?;

    // Not a condition of readiness: without the broker accepts go to PostgreSQL.
    let stop_publishing = CancellationToken::new();
    let (stopped, connection) = (stop_publishing.clone(), publisher.clone());
    app.tasks.spawn_essential("publisher", async move {
        let connected = metrics::gauge!("carillon_broker_connected");
        connection
            .run(stopped, |ready| connected.set(f64::from(u8::from(ready))))
            .await;
        Ok(())
    });

    let state = web::Data::new(State::new(&app, store, &publisher).await?);
    let (health, shared, shutdown) = (app.health.clone(), state.clone(), app.shutdown.clone());
    let n_workers = match app.settings.api.workers {
        0 => std::thread::available_parallelism().map_or(2, usize::from),
        n => n,
    };
    let server = HttpServer::new(move || {
        let shutdown = shutdown.clone();
        ActixApp::new()
            .wrap(actix_web::middleware::NormalizePath::trim())
            .wrap(actix_web::middleware::from_fn(trace::within))
            .wrap(actix_web::middleware::from_fn(move |request, next| {
                leaving::answer(shutdown.clone(), request, next)
            }))
            .app_data(shared.clone())
            .configure(health.routes())
            .configure(mount::routes)
    })
    .workers(n_workers)
    .client_request_timeout(REQUEST_HEAD_WITHIN)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(leaving::ends_within(&app.settings).as_secs())
    .disable_signals()
    .listen(listener)
    .context("cannot serve")?
    .run();
    let handle = server.handle();
    tokio::select! {
        () = warm_up::warm_up(&state, &publisher) => {}
        () = app.shutdown.cancelled() => {}
    }
    listening.set_ready(true);
    tracing::info!(%listen, "API listens");
    app.tasks.spawn(
        "stop-listening",
        leaving::stop_after(app.settings.api.linger, app.shutdown.clone(), handle),
    );
    let served = server.await.context("the HTTP server failed");
    state.limits.hand_back(&state.store).await;
    stop_publishing.cancel();
    served
}
