//! The latency of calls to nine services, with the tenth well or hanging.

use std::time::Duration;

use anyhow::ensure;

use super::Ready;
use crate::load::{Pace, Until, drive};

/// How long each is measured.
const TIME: Duration = Duration::from_secs(20);
/// Messages in a second, over all ten services.
const PER_SECOND: f64 = 300.0;
/// The calls of the last messages are made after this time.
const REST: Duration = Duration::from_secs(3);
/// What the one that hung is still owed must not disturb the next measurement.
const RECOVERY: Duration = Duration::from_secs(40);

/// The 99th percentile, in milliseconds, from a message's end until its call came.
pub(super) async fn run(ready: &Ready, does_one_hang: bool, seed: u64) -> anyhow::Result<f64> {
    ready.receivers.let_first_hang(does_one_hang);
    ready.receivers.take();
    let (pace, until) = (Pace::PerSecond(PER_SECOND), Until::Elapsed(TIME));
    let tally = drive(&ready.targets, pace, until, seed).await?;
    tally.all_accepted()?;
    tokio::time::sleep(REST).await;
    let calls = ready.receivers.take();
    let others = calls.iter().filter(|call| call.receiver != 0);
    let mut latencies: Vec<Duration> = others.map(|call| call.latency).collect();
    latencies.sort_unstable();
    let n_expected = tally.n_accepted() * 9 / 10;
    ensure!(
        latencies.len() as u64 * 100 >= n_expected * 99,
        "only {} of {n_expected} calls to the others came",
        latencies.len()
    );
    if does_one_hang {
        ready.receivers.let_first_hang(false);
        tokio::time::sleep(RECOVERY).await;
    }
    let p99 = latencies[latencies.len() * 99 / 100];
    Ok(p99.as_secs_f64() * 1_000.0)
}
