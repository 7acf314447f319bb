//! The brake: services whose e-mail bounces too much are warned, and then stopped. What is released
//! goes on its way again.

use std::collections::HashSet;

use carillon_core::id::ServiceId;
use carillon_core::limits::bounces::{BounceHealth, Thresholds};
use carillon_store::Store;
use carillon_store::limits::{self, OfService, Release};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// Tallies that one statement adds up.
const TALLIES: i64 = 20_000;
/// Messages that one statement makes due.
const PAGE: i64 = 5_000;

/// Adds up what was noted since the last minute, warns and stops; returns how many services were
/// stopped. Then sends on what was released. One service's failure is not the others'.
pub(crate) async fn watch(
    store: &Store,
    thresholds: &Thresholds,
    shutdown: &CancellationToken,
) -> anyhow::Result<usize> {
    while !shutdown.is_cancelled() && limits::roll_up(store, TALLIES).await? == TALLIES {}
    let (mut n_braked, mut n_failed) = (0, 0);
    for of in limits::bouncing(store, thresholds.least_emails).await? {
        let judged = judge(store, thresholds, of).await;
        let is_braked = or_say(judged, of.service_id, "cannot judge a service's bounces");
        n_failed += usize::from(is_braked.is_none());
        n_braked += usize::from(is_braked == Some(true));
    }
    for release in limits::to_release(store).await? {
        let released = send_on(store, &release, shutdown).await;
        let what = "cannot send on what a brake had held";
        n_failed += usize::from(or_say(released, release.service_id, what).is_none());
    }
    anyhow::ensure!(n_failed == 0, "failed for {n_failed} services");
    Ok(n_braked)
}

/// Whether the service was stopped by this.
async fn judge(store: &Store, thresholds: &Thresholds, of: OfService) -> anyhow::Result<bool> {
    let (service_id, bounces) = (of.service_id, of.bounces);
    let report = bounces.report(thresholds);
    match report.health {
        BounceHealth::Critical if !of.is_braked => {
            let is_new = limits::brake(store, service_id, bounces).await?;
            if is_new {
                tracing::error!(
                    service.id = %service_id,
                    n_sent = report.sent,
                    n_hard_bounced = report.hard_bounced,
                    percent = report.percent,
                    "too much of a service's e-mail bounces; it is stopped until an administrator \
                     releases it"
                );
                metrics::counter!("carillon_brakes_total").increment(1);
            }
            Ok(is_new)
        }
        BounceHealth::Warning if !of.is_braked => {
            if limits::note_warning(store, service_id).await? {
                tracing::warn!(
                    service.id = %service_id,
                    n_sent = report.sent,
                    n_hard_bounced = report.hard_bounced,
                    percent = report.percent,
                    "much of a service's e-mail bounces; a little more and it is stopped"
                );
            }
            Ok(false)
        }
        BounceHealth::Good | BounceHealth::Warning | BounceHealth::Critical => Ok(false),
    }
}

/// Makes due what a brake held that is released. Workers know of a release a moment later, so a brake
/// is looked at until none can hold anything back by it.
async fn send_on(
    store: &Store,
    release: &Release,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let mut n_rows = 0;
    loop {
        if shutdown.is_cancelled() {
            return Ok(());
        }
        let n = limits::release_rows(store, release.service_id, PAGE).await?;
        n_rows += n;
        if n == 0 {
            break;
        }
    }
    if n_rows > 0 {
        tracing::info!(service.id = %release.service_id, n_rows, "sent on what a brake had held");
    }
    if release.is_known_to_all {
        limits::rows_are_released(store, release).await?;
    }
    Ok(())
}

/// Logs what failed for a service; the next minute tries again.
fn or_say<T>(result: anyhow::Result<T>, service_id: ServiceId, what: &'static str) -> Option<T> {
    result
        .inspect_err(|error| {
            tracing::error!(service.id = %service_id, error = format!("{error:#}"), "{what}");
        })
        .ok()
}

/// The services whose gauge is set.
#[derive(Default)]
pub(crate) struct Rates(Mutex<HashSet<ServiceId>>);

impl Rates {
    /// Sets the gauges of bounce rates, of services that sent enough to say anything.
    pub async fn measure(&self, store: &Store, thresholds: &Thresholds) -> anyhow::Result<()> {
        let bouncing = limits::bouncing(store, thresholds.least_emails).await?;
        let gauge = |id: ServiceId, rate| {
            metrics::gauge!("carillon_bounce_rate", "service" => id.to_string()).set(rate);
        };
        let mut shown = self.0.lock();
        for gone in shown.drain() {
            gauge(gone, 0.0);
        }
        for of in bouncing {
            gauge(of.service_id, of.bounces.rate());
            shown.insert(of.service_id);
        }
        Ok(())
    }
}
