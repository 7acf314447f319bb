//! Carries out the tasks on the queues.
//!
//! Every queue a worker consumes has one runner (see `tasks`). A runner acknowledges a message
//! only when its effect is committed and what follows from it is confirmed; when PostgreSQL or the
//! broker is away it keeps what it has and tries on. What it does not finish before shutdown goes
//! back to the queue by itself.
//!
//! To add a task: its payload in `carillon_core::task`, a file of the same name in `tasks/`, a line
//! in `tasks`.

mod batch;
mod context;
mod delivery;
mod intake;
mod patience;
mod quarantine;
mod roles;
mod tasks;
mod waker;

use carillon_amqp::{Consumers, Publisher};
use carillon_runtime::App;
use tokio_util::sync::CancellationToken;

pub use roles::Roles;

use context::Context;

/// Runs until shutdown, then finishes what is in hand.
///
/// # Errors
/// When the settings do not make sense.
pub async fn run(app: App, roles: Roles) -> anyhow::Result<()> {
    let store = carillon_connect::store(&app.settings, "carillon-worker")?;
    let amqp = carillon_connect::broker(&app.settings, "carillon-worker")?;
    let publisher = Publisher::new(amqp.clone());
    let publishing = app.health.component("amqp-publisher");
    let consuming = app.health.component("amqp-consumer");

    carillon_connect::wait_for_database(&store, &app.shutdown).await;
    if app.shutdown.is_cancelled() {
        return Ok(());
    }
    let cx = Context::new(&app, store, publisher.clone()).await?;

    // The publisher outlives the runners: what they have in hand at shutdown is still published.
    let stop_publishing = CancellationToken::new();
    let stopped = stop_publishing.clone();
    app.tasks.spawn_essential("publisher", async move {
        publisher
            .run(stopped, |ready| publishing.set_ready(ready))
            .await;
        Ok(())
    });
    let subscriptions = tasks::start(&cx, &roles, &amqp.prefix);
    tracing::info!(queues = %roles, "worker started");
    Consumers::new(amqp, subscriptions)
        .run(app.shutdown.clone(), |ready| consuming.set_ready(ready))
        .await;
    stop_publishing.cancel();
    Ok(())
}
