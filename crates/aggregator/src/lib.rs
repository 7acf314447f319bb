//! Admits or holds on-call messages: one that comes alone is sent now, and many for the same
//! person, plan and priority become one notification.
//!
//! Must not know: how a message came about, nor how it is sent.

use carillon_runtime::App;
use tracing::info;

/// Does the work of the process until it is told to stop.
///
/// # Errors
/// None yet.
pub async fn run(app: App) -> anyhow::Result<()> {
    let admission = app.health.component("admission");
    // The seam: the store and the broker session are opened here, the consumer of `messages` and
    // the flush ticker become essential tasks, and the session reports by `admission.set_ready`.
    info!("no plans yet: there is nothing to aggregate");
    admission.set_ready(true);
    app.shutdown.cancelled().await;
    Ok(())
}
