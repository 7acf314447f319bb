//! Admits or holds on-call messages: one that comes alone is sent now, and many for the same
//! person, plan and priority become one notification.
//!
//! Must not know: how a message came about, nor how it is sent.

use carillon_amqp::Publisher;
use carillon_runtime::App;
use tokio_util::sync::CancellationToken;

/// Does the work of the process until it is told to stop.
///
/// # Errors
/// When the settings do not make sense.
pub async fn run(app: App) -> anyhow::Result<()> {
    let store = carillon_connect::store(&app.settings, "carillon-aggregator")?;
    let amqp = carillon_connect::broker(&app.settings, "carillon-aggregator")?;
    let publishing = app.health.component("amqp-publisher");
    carillon_connect::wait_for_database(&store, &app.shutdown).await;

    let stop_publishing = CancellationToken::new();
    let stopped = stop_publishing.clone();
    app.tasks.spawn_essential("publisher", async move {
        Publisher::new(amqp)
            .run(stopped, |ready| publishing.set_ready(ready))
            .await;
        Ok(())
    });
    tracing::info!("no plans yet: there is nothing to admit or hold");
    app.shutdown.cancelled().await;
    stop_publishing.cancel();
    Ok(())
}
