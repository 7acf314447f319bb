//! Advances incidents on their plans: claims those that are due, decides in `core` whom to tell
//! next, and writes the messages and the next due time in one commit.
//!
//! Must not know: queues and providers. It writes rows, and others carry them on.

use carillon_runtime::App;
use tracing::info;

/// Does the work of the process until it is told to stop.
///
/// # Errors
/// None yet.
pub async fn run(app: App) -> anyhow::Result<()> {
    let engine = app.health.component("engine");
    // The seam: the store is opened here, the engine becomes an essential task on a ticker woken
    // by new incidents, and reports its first pass by `engine.set_ready`.
    info!("no plans yet: there is nothing to escalate");
    engine.set_ready(true);
    app.shutdown.cancelled().await;
    Ok(())
}
