//! `lanes`: how long a priority message takes from accepted to delivered while nothing else is done,
//! and while a job of 100,000 rows drains; then a normal message beside such a job.

mod beside;
pub(super) mod latency;

use std::time::Duration;

use carillon_core::lane::Lane;
use tokio_postgres::Client;

use super::{progress, servers};
use crate::arguments::Arguments;
use crate::installation::{Installation, member};
use crate::load::{Pace, Target, Until, drive};
use crate::numbers::{median, rounded};
use crate::report::Report;
use crate::usage::Groups;
use beside::Beside;
use latency::{Latency, Messages};

/// Messages in a second.
const PER_SECOND: f64 = 50.0;
/// How long the idle installation is measured.
const IDLE: Duration = Duration::from_secs(20);
/// Rows of the job.
const ROWS: u64 = 100_000;
/// Caches fill, statements are prepared and partitions made before anything counts.
const WARM_UP: u64 = 2_000;
const ROUNDS: usize = 3;
/// What starting or a job has left behind is done after this time.
const SETTLING: Duration = Duration::from_secs(3);

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let mut report = Report::new("lanes", arguments);
    let n_rounds = if arguments.quick { 1 } else { ROUNDS };
    let ready = Ready::start(arguments).await?;
    let (mut idle, mut beside) = (Vec::new(), Vec::new());
    for round in 1..=n_rounds {
        idle.push(alone(&ready, arguments.seed).await?);
        let with_job = beside::run(&ready, &ready.priority, arguments.seed).await?;
        progress(&format!(
            "lanes {round}/{n_rounds}: p99 {:.1} ms, beside a job {:.1} ms, at most {:.1} ms",
            idle[round - 1].p99_ms,
            with_job.latency.p99_ms,
            with_job.latency.max_ms
        ));
        beside.push(with_job);
    }
    write(&mut report, &idle, &beside);
    if !arguments.quick {
        let normal = beside::run(&ready, &ready.normal, arguments.seed).await?;
        report.set("normal_p99_ms", rounded(normal.latency.p99_ms));
    }
    report.set("peak_rss_mb", ready.installation.peak_rss_mb()?.into());
    if let Some(last) = beside.pop() {
        report.set("cpu_us_per_message", last.cpu.into());
    }
    Ok(report)
}

fn write(report: &mut Report, idle: &[Latency], beside: &[Beside]) {
    let idle_of = |of: fn(&Latency) -> f64| rounded(median(idle.iter().map(of)));
    let of = |of: fn(&Beside) -> f64| rounded(median(beside.iter().map(of)));
    let highest = beside.iter().map(|round| round.latency.max_ms);
    let sum = |of: fn(&Beside) -> u64| beside.iter().map(of).sum::<u64>();
    let idle_lost: u64 = idle.iter().map(|latency| latency.lost).sum();
    report.set("priority_p50_ms", of(|round| round.latency.p50_ms));
    report.set("priority_p99_ms", of(|round| round.latency.p99_ms));
    report.set("priority_max_ms", rounded(highest.fold(0.0, f64::max)));
    report.set("idle_p50_ms", idle_of(|latency| latency.p50_ms));
    report.set("idle_p99_ms", idle_of(|latency| latency.p99_ms));
    report.set("bulk_seconds_delivered", of(|round| round.end.delivered_s));
    report.set("bulk_seconds_saved", of(|round| round.end.saved_s));
    let lost = idle_lost + sum(|round| round.end.lost + round.latency.lost);
    report.set("lost", lost.into());
    report.set("duplicated", sum(|round| round.end.duplicated).into());
    let runs = beside.iter().map(|round| rounded(round.latency.p99_ms));
    report.set("priority_p99_ms_runs", runs.collect());
    let runs = idle.iter().map(|latency| rounded(latency.p99_ms));
    report.set("idle_p99_ms_runs", runs.collect());
}

/// Priority messages and nothing else.
async fn alone(ready: &Ready, seed: u64) -> anyhow::Result<Latency> {
    tokio::time::sleep(SETTLING).await;
    let messages = Messages::start(&ready.priority);
    let targets = std::slice::from_ref(&ready.priority);
    let pace = Pace::PerSecond(PER_SECOND);
    let tally = drive(targets, pace, Until::Elapsed(IDLE), seed).await?;
    tally.all_accepted()?;
    messages.latency(&ready.database, tally.n_accepted()).await
}

/// An installation with all its processes, warm, and templates in two lanes.
struct Ready {
    installation: Installation,
    /// A connection for looking.
    database: Client,
    groups: Groups,
    priority: Target,
    normal: Target,
}

impl Ready {
    async fn start(arguments: &Arguments) -> anyhow::Result<Self> {
        let mut installation = Installation::prepare().await?;
        installation.start(&member::ALL).await?;
        let ready = Self {
            database: installation.database.client().await,
            groups: installation.groups(servers(arguments)),
            priority: installation.in_lane(Lane::Priority).await?,
            normal: installation.in_lane(Lane::Normal).await?,
            installation,
        };
        for target in [&ready.priority, &ready.normal] {
            let messages = Messages::start(target);
            let until = Until::Count(WARM_UP);
            let targets = std::slice::from_ref(target);
            let tally = drive(targets, Pace::Closed, until, arguments.seed).await?;
            tally.all_accepted()?;
            let n_accepted = tally.n_accepted();
            messages.latency(&ready.database, n_accepted).await?;
        }
        Ok(ready)
    }
}
