//! SIGTERM and SIGINT: the first asks, the second insists.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::tasks::spawn_detached;

/// Cancels `shutdown` at the first signal and exits at the second, with 128 and the signal's
/// number as shells have it.
///
/// # Errors
/// When the system refuses the handlers.
pub(super) fn watch(shutdown: CancellationToken) -> io::Result<()> {
    // Registered before anything is started: a signal from now on is never lost.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    spawn_detached(async move {
        let (name, _) = either(&mut terminate, &mut interrupt).await;
        info!(
            signal = name,
            "{name}: what has begun is finished, nothing more is taken"
        );
        shutdown.cancel();
        let (name, number) = either(&mut terminate, &mut interrupt).await;
        warn!(signal = name, "{name} again: exit at once");
        std::process::exit(128 + number);
    });
    Ok(())
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> (&'static str, i32) {
    tokio::select! {
        _ = terminate.recv() => ("SIGTERM", SignalKind::terminate().as_raw_value()),
        _ = interrupt.recv() => ("SIGINT", SignalKind::interrupt().as_raw_value()),
    }
}
