//! Messages as fast as they are accepted, until the last is delivered.

use anyhow::ensure;
use serde_json::{Map, Value};

use super::Ready;
use super::watch::Watch;
use crate::load::{Pace, Until, drive};
use crate::numbers::{index_of_median, median};

/// What came of a burst.
pub(super) struct Burst {
    /// From the first POST to the last `delivered`.
    pub per_second: f64,
    /// From the first POST to the last 201.
    pub accepted_per_second: f64,
    /// Accepted and not delivered.
    pub lost: u64,
    /// Sent more than once.
    pub duplicated: u64,
    /// By process.
    pub cpu: Map<String, Value>,
    /// All but generator and sandbox.
    pub system_us: f64,
}

/// Sends this many and waits for the last.
pub(super) async fn run(ready: &Ready, n_messages: u64, seed: u64) -> anyhow::Result<Burst> {
    let watch = Watch::start(ready).await?;
    let cpu_before = ready.groups.cpu()?;
    let targets = std::slice::from_ref(&ready.installation.target);
    let tally = drive(targets, Pace::Closed, Until::Count(n_messages), seed).await?;
    tally.all_accepted()?;
    let end = watch.settled(tally.n_accepted()).await?;
    let used = ready.groups.since(&cpu_before)?;
    ensure!(end.took_s > 0.0, "nothing was delivered");
    Ok(Burst {
        per_second: end.n_delivered as f64 / end.took_s,
        accepted_per_second: tally.rate(),
        lost: end.lost,
        duplicated: end.duplicated,
        cpu: used.per_message(n_messages),
        system_us: used.of_the_system(n_messages),
    })
}

/// The median rate.
pub(super) fn rate(bursts: &[Burst]) -> f64 {
    median(bursts.iter().map(|burst| burst.per_second))
}

/// The burst with the median rate.
pub(super) fn middle(bursts: &[Burst]) -> Option<&Burst> {
    let rates: Vec<_> = bursts.iter().map(|burst| burst.per_second).collect();
    bursts.get(index_of_median(&rates))
}

/// Lost and duplicated messages of all.
pub(super) fn counts(bursts: &[Burst]) -> (u64, u64) {
    let sum = |of: fn(&Burst) -> u64| bursts.iter().map(of).sum();
    (sum(|burst| burst.lost), sum(|burst| burst.duplicated))
}
