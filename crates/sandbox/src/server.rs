//! The HTTP server: the only place that mounts routes.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::web::{Data, PayloadConfig};
use actix_web::{App, HttpServer};
use tokio_util::sync::CancellationToken;

use crate::reading;
use crate::sandbox::Sandbox;
use crate::sending::{Stopping, send};

/// It shares two cores with everything else on a developer's machine.
const WORKERS: usize = 2;

/// Above what an SMS or e-mail of Carillon can have, escaped.
const MAX_BODY_BYTES: usize = 16 << 20;

/// Longer than clients keep idle connections, so that they close them and not we.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// A server on a bound listener, to be awaited; `stop` ends it. Signals are the caller's.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve(
    listener: TcpListener,
    sandbox: Arc<Sandbox>,
    stop: CancellationToken,
) -> std::io::Result<Server> {
    let sandbox = Data::from(sandbox);
    let stopping = Data::new(Stopping(stop.clone()));
    let app = move || {
        App::new()
            .app_data(sandbox.clone())
            .app_data(stopping.clone())
            .app_data(PayloadConfig::new(MAX_BODY_BYTES))
            .service(send)
            .service(reading::list_messages)
            .service(reading::empty_messages)
            .service(reading::list_calls)
            .service(reading::show_stats)
            .service(reading::show_controls)
            .service(reading::change_controls)
            .service(reading::show_faults)
            .service(reading::set_faults)
    };
    let server = HttpServer::new(app)
        .workers(WORKERS)
        .keep_alive(KEEP_ALIVE)
        // A caller of `hang@` that gives up frees its connection.
        .h1_allow_half_closed(false)
        .disable_signals()
        .shutdown_signal(stop.cancelled_owned())
        .shutdown_timeout(5)
        .listen(listener)?
        .run();
    Ok(server)
}
