//! `accept`: how many sends the API takes in a closed loop when nothing else runs and nothing
//! consumes, beside a bare handler; then once more with every process at work.

mod floor;
mod phase;

use anyhow::ensure;
use carillon_core::queue::Queue;

use super::{progress, servers};
use crate::arguments::Arguments;
use crate::installation::Installation;
use crate::installation::member::{self, Member};
use crate::numbers::rounded;
use crate::report::Report;
use phase::{Phase, middle, percentile_ms, rate, rates};

const ROUNDS: usize = 3;

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let mut report = Report::new("accept", arguments);
    let mut installation = Installation::prepare().await?;
    let (mut floors, mut ours) = (Vec::new(), Vec::new());
    let n_rounds = if arguments.quick { 1 } else { ROUNDS };
    let tell = |round: usize, whose: &str, phase: &Phase| {
        let rate = phase.tally.rate();
        progress(&format!(
            "accept {round}/{n_rounds}: {whose} {rate:.0} per second"
        ));
    };
    for round in 1..=n_rounds {
        if !arguments.quick {
            let phase = floor::run(&installation.target, arguments).await?;
            tell(round, "floor", &phase);
            floors.push(phase);
        }
        let phase = alone(&mut installation, arguments).await?;
        tell(round, "ours", &phase);
        ours.push(phase);
    }
    report.set("rps", rounded(rate(&ours)));
    report.set("p50_ms", rounded(percentile_ms(&ours, 50.0)));
    report.set("p99_ms", rounded(percentile_ms(&ours, 99.0)));
    if !arguments.quick {
        report.set("floor_rps", rounded(rate(&floors)));
        report.set("ratio", rounded(rate(&ours) / rate(&floors)));
        let beside = beside_workers(&mut installation, arguments).await?;
        tell(n_rounds, "beside workers", &beside);
        report.set("rps_beside_workers", rounded(beside.tally.rate()));
        report.set(
            "beside_workers_p99_ms",
            rounded(beside.tally.percentile_ms(99.0)),
        );
        report.set("rps_runs", rates(&ours));
        report.set("floor_rps_runs", rates(&floors));
        if let Some(phase) = middle(&floors) {
            report.set("floor_cpu_us_per_message", phase.cpu.clone().into());
        }
    }
    if let Some(phase) = middle(&ours) {
        report.set("cpu_us_per_message", phase.cpu.clone().into());
        report.set("cpu_us_per_message_system", rounded(phase.system_us));
    }
    Ok(report)
}

/// The API and nothing else.
async fn alone(installation: &mut Installation, arguments: &Arguments) -> anyhow::Result<Phase> {
    installation.start(&[Member::Api]).await?;
    let groups = installation.groups(servers(arguments));
    let (target, inbox) = (&installation.target, installation.queue(Queue::Database));
    let phase = phase::with_empty_queue(target, &inbox, &groups, arguments.seed).await?;
    // With the broker at hand nothing may have taken the other way.
    let query = "SELECT count(*) FROM notifications";
    let n_rows = installation.database.number(query).await;
    ensure!(
        n_rows == 0,
        "{n_rows} messages were not confirmed in time and went to PostgreSQL"
    );
    installation.clear().await?;
    Ok(phase)
}

/// Every process, working on what comes.
async fn beside_workers(
    installation: &mut Installation,
    arguments: &Arguments,
) -> anyhow::Result<Phase> {
    installation.start(&member::ALL).await?;
    let groups = installation.groups(servers(arguments));
    let (target, seed) = (&installation.target, arguments.seed);
    phase::warm_up(target, seed).await?;
    let phase = phase::measure(target, &groups, seed).await?;
    installation.clear().await?;
    Ok(phase)
}
