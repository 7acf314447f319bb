//! `pipeline`: 50,000 e-mails from the first POST to the last `delivered`, every process on this
//! machine, beside what the two servers need at least; then the latencies at a third of that rate.

mod burst;
mod fill;
mod flat;
pub(super) mod floor;
mod steady;
mod told;
mod watch;

use std::time::Duration;

use serde_json::{Map, Value};
use tokio_postgres::Client;

use super::{progress, servers};
use crate::arguments::Arguments;
use crate::installation::{Installation, member};
use crate::numbers::{median, rounded};
use crate::report::Report;
use crate::usage::Groups;
use burst::{counts, middle, rate};

/// Messages of a run.
const MESSAGES: u64 = 50_000;
/// Caches fill, statements are prepared and partitions made before anything counts.
const WARM_UP: u64 = 2_000;
const ROUNDS: usize = 3;
/// What starting has left behind is done after this time.
const SETTLING: Duration = Duration::from_secs(3);

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let mut report = Report::new("pipeline", arguments);
    let n_rounds = if arguments.quick { 1 } else { ROUNDS };
    let ready = Ready::start(arguments).await?;
    let (mut floors, mut bursts) = (Vec::new(), Vec::new());
    for round in 1..=n_rounds {
        if !arguments.quick {
            floors.push(floor::run(MESSAGES).await?);
        }
        let burst = burst::run(&ready, MESSAGES, arguments.seed).await?;
        let rate = burst.per_second;
        progress(&format!(
            "pipeline {round}/{n_rounds}: {rate:.0} per second"
        ));
        bursts.push(burst);
    }
    let rate = rate(&bursts);
    report.set("per_second", rounded(rate));
    let (mut lost, mut duplicated) = counts(&bursts);
    if !arguments.quick {
        let floor_rate = median(floors.iter().copied());
        report.set("floor_per_second", rounded(floor_rate));
        report.set("ratio", rounded(rate / floor_rate));
        let steady = steady::run(&ready, rate / 3.0, arguments.seed).await?;
        steady.report(&mut report);
        lost += steady.lost;
        duplicated += steady.duplicated;
        let told = told::run(&ready, n_rounds, arguments.seed).await?;
        report.set("per_second_with_callbacks", rounded(told));
    }
    report.set("lost", lost.into());
    report.set("duplicated", duplicated.into());
    report.set("peak_rss_mb", ready.installation.peak_rss_mb()?.into());
    report.set("idle_rss_mb", ready.idle_rss_mb.clone().into());
    if let Some(burst) = middle(&bursts) {
        report.set("cpu_us_per_message", burst.cpu.clone().into());
        report.set("cpu_us_per_message_system", rounded(burst.system_us));
    }
    report.set(
        "per_second_runs",
        bursts
            .iter()
            .map(|burst| rounded(burst.per_second))
            .collect(),
    );
    report.set(
        "floor_per_second_runs",
        floors.iter().map(|rate| rounded(*rate)).collect(),
    );
    let accepted = median(bursts.iter().map(|burst| burst.accepted_per_second));
    report.set("accepted_per_second", rounded(accepted));
    drop(ready);
    if let Some(n_rows) = arguments.rows {
        report.set("flat", flat::run(&bursts, n_rows, arguments).await?);
    }
    Ok(report)
}

/// An installation with all its processes, warm.
struct Ready {
    installation: Installation,
    /// A connection for looking.
    database: Client,
    groups: Groups,
    /// Before anything was done.
    idle_rss_mb: Map<String, Value>,
}

impl Ready {
    async fn start(arguments: &Arguments) -> anyhow::Result<Self> {
        let mut installation = Installation::prepare().await?;
        installation.start(&member::ALL).await?;
        tokio::time::sleep(SETTLING).await;
        let ready = Self {
            database: installation.database.client().await,
            groups: installation.groups(servers(arguments)),
            idle_rss_mb: installation.idle_rss_mb()?,
            installation,
        };
        burst::run(&ready, WARM_UP, arguments.seed).await?;
        Ok(ready)
    }
}
