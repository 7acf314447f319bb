//! Relays what is due, drops lane markers, rescues what fell out, runs the schedule.
//!
//! Every loop is a reconciler: it takes no input but the database, so the crash path and the happy
//! path are the same, and any number of pollers share the work without a leader.
//!
//! To add a scheduled task: a line in `carillon_core::schedule::register` and its function in
//! `schedules`.

mod backlog;
mod bounces;
mod jobs;
mod ledger;
mod markers;
mod outbox;
mod parked;
mod publish;
mod relay;
mod rescue;
mod schedules;
mod slow_delivery;
mod tend_providers;
mod timeouts;

use carillon_amqp::Publisher;
use carillon_connect::job_payloads::JobPayloads;
use carillon_runtime::{App, ticker};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How often the register is looked at; slots are minutes apart at the least.
const SCHEDULE_INTERVAL: std::time::Duration = std::time::Duration::from_secs(5);

/// How often the backlog is counted; its cost grows with the backlog.
const BACKLOG_INTERVAL: std::time::Duration = std::time::Duration::from_secs(15);

/// Runs until shutdown.
///
/// # Errors
/// When the settings do not make sense.
pub async fn run(app: App) -> anyhow::Result<()> {
    let store = carillon_connect::store(&app.settings, "carillon-poller")?;
    let direct = carillon_connect::direct_store(&app.settings, "carillon-poller")?;
    let amqp = carillon_connect::broker(&app.settings, "carillon-poller")?;
    let publisher = Publisher::new(amqp);
    let payloads = JobPayloads::open(&app.settings).await?;
    let publishing = app.health.component("amqp-publisher");

    carillon_connect::wait_for_database(&store, &app.shutdown).await;
    let stop_publishing = CancellationToken::new();
    let (stopped, connection) = (stop_publishing.clone(), publisher.clone());
    app.tasks.spawn_essential("publisher", async move {
        connection
            .run(stopped, |ready| publishing.set_ready(ready))
            .await;
        Ok(())
    });

    let settings = &app.settings.poller;
    let delivery = &app.settings.delivery;
    let grace = carillon_core::rescue::grace(delivery.lease, delivery.unstarted_limit);
    let calls_per_endpoint = app.settings.callbacks.in_flight_per_endpoint;
    let give_up_after = app.settings.sending.give_up_after;
    let thresholds = carillon_connect::bounce_thresholds(&app.settings);
    let bounce_rates = bounces::Rates::default();
    let rescue = rescue::Rescue::new(grace, app.settings.retry.max_attempts);
    let markers = markers::Markers::default();
    let events_written = Notify::new();
    let shutdown = &app.shutdown;
    tokio::join!(
        ticker::every(settings.relay_interval, shutdown, "relay", async || {
            relay::all_due(&store, &publisher, shutdown).await
        }),
        ticker::every_or_woken(
            settings.relay_interval,
            shutdown,
            "outbox",
            &events_written,
            async || outbox::all_due(&store, &publisher, calls_per_endpoint, shutdown).await
        ),
        outbox::listen(&direct, &events_written, shutdown),
        ticker::every(settings.marker_interval, shutdown, "markers", async || {
            markers
                .round(&store, &publisher, settings.marker_interval)
                .await
        }),
        ticker::every(settings.rescue_interval, shutdown, "rescue", async || {
            rescue.round(&store, shutdown).await
        }),
        ticker::every(BACKLOG_INTERVAL, shutdown, "backlog", async || {
            backlog::measure(&store).await?;
            outbox::measure(&store).await?;
            bounce_rates.measure(&store, &thresholds).await?;
            jobs::measure(&store).await
        }),
        ticker::every(SCHEDULE_INTERVAL, shutdown, "schedules", async || {
            schedules::run_what_is_due(&store, &payloads, give_up_after, &thresholds, shutdown)
                .await
        }),
        ticker::every(settings.relay_interval, shutdown, "jobs", async || {
            let pieces = app.settings.jobs.parallel_chunks;
            jobs::send_on(&store, &publisher, pieces, shutdown).await
        }),
        ticker::every(ledger::MEASURE_INTERVAL, shutdown, "ledger", async || {
            ledger::measure(&store).await
        }),
        ticker::every(parked::INTERVAL, shutdown, "parked", async || {
            parked::bring_back(&store, &publisher, shutdown).await
        }),
    );
    stop_publishing.cancel();
    Ok(())
}
