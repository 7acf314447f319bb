//! One phase: ten seconds of a closed loop against whatever answers.

use std::time::Duration;

use carillon_test_support::amqp_url;
use serde_json::{Map, Value};

use crate::broker;
use crate::load::{Pace, Tally, Target, Until, drive};
use crate::numbers::{index_of_median, median, rounded};
use crate::usage::Groups;

const TIME: Duration = Duration::from_secs(10);
/// Caches fill and pages fault in before anything counts.
const WARM_UP: Duration = Duration::from_secs(1);

/// What came of a phase.
pub(super) struct Phase {
    /// Of the requests.
    pub tally: Tally,
    /// By process.
    pub cpu: Map<String, Value>,
    /// All but the generator.
    pub system_us: f64,
}

/// Sends until caches are warm.
pub(super) async fn warm_up(target: &Target, seed: u64) -> anyhow::Result<()> {
    let until = Until::Elapsed(WARM_UP);
    drive(std::slice::from_ref(target), Pace::Closed, until, seed)
        .await?
        .all_accepted()
}

/// Warms up, empties the queue and measures.
pub(super) async fn with_empty_queue(
    target: &Target,
    queue: &str,
    groups: &Groups,
    seed: u64,
) -> anyhow::Result<Phase> {
    warm_up(target, seed).await?;
    broker::purge(&amqp_url(), queue).await?;
    measure(target, groups, seed).await
}

/// Measures.
pub(super) async fn measure(target: &Target, groups: &Groups, seed: u64) -> anyhow::Result<Phase> {
    let before = groups.cpu()?;
    let tally = drive(
        std::slice::from_ref(target),
        Pace::Closed,
        Until::Elapsed(TIME),
        seed,
    )
    .await?;
    let used = groups.since(&before)?;
    tally.all_accepted()?;
    let n = tally.n_accepted();
    Ok(Phase {
        cpu: used.per_message(n),
        system_us: used.of_the_system(n),
        tally,
    })
}

/// The median rate.
pub(super) fn rate(phases: &[Phase]) -> f64 {
    median(phases.iter().map(|phase| phase.tally.rate()))
}

/// The median of a percentile of the latencies.
pub(super) fn percentile_ms(phases: &[Phase], percent: f64) -> f64 {
    median(
        phases
            .iter()
            .map(|phase| phase.tally.percentile_ms(percent)),
    )
}

/// Every phase's rate.
pub(super) fn rates(phases: &[Phase]) -> Value {
    phases
        .iter()
        .map(|phase| rounded(phase.tally.rate()))
        .collect()
}

/// The phase with the median rate.
pub(super) fn middle(phases: &[Phase]) -> Option<&Phase> {
    let rates: Vec<_> = phases.iter().map(|phase| phase.tally.rate()).collect();
    phases.get(index_of_median(&rates))
}
