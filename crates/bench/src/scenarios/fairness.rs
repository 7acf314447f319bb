//! `fairness`: how long the messages of a service that sends little take, alone and beside a
//! service that sends a hundred times as much: twice what the provider takes.

use std::time::Duration;

use serde_json::Value;
use tokio_postgres::Client;

use super::lanes::latency::{Latency, Messages};
use super::{progress, servers};
use crate::arguments::Arguments;
use crate::installation::{Installation, member};
use crate::load::{Pace, Target, Until, drive};
use crate::numbers::{median, rounded};
use crate::report::Report;
use crate::usage::Groups;

/// Calls in a second that the sandbox takes; it refuses the rest. Far below what the machine can do, so
/// that the provider is what there is too little of.
const RATE: u32 = 250;
/// What the noisy service offers.
const NOISY_PER_SECOND: f64 = RATE as f64 * 2.0;
/// What the quiet one does.
const QUIET_PER_SECOND: f64 = RATE as f64 / 50.0;
/// How long each is measured.
const MEASURED: Duration = Duration::from_secs(40);
/// Caches fill, statements are prepared, and the worker learns what the provider takes.
const WARM_UP: u64 = 2_000;
const ROUNDS: usize = 3;
const SETTLING: Duration = Duration::from_secs(3);

const PUT_OFF: &str = "SELECT count(*) FROM notification_events WHERE reason = 'fair-share'";

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let mut report = Report::new("fairness", arguments);
    let n_rounds = if arguments.quick { 1 } else { ROUNDS };
    let ready = Ready::start(arguments).await?;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for round in 1..=n_rounds {
        alone.push(ready.alone(arguments.seed).await?);
        beside.push(ready.beside_noisy(arguments.seed).await?);
        progress(&format!(
            "fairness {round}/{n_rounds}: p99 {:.1} ms, beside a noisy one {:.1} ms",
            alone[round - 1].p99_ms,
            beside[round - 1].quiet.p99_ms
        ));
    }
    write(&mut report, &alone, &beside);
    let put_off: i64 = ready.database.query_one(PUT_OFF, &[]).await?.get(0);
    report.set("put_off", put_off.into());
    let stats = ready.sandbox().await?;
    report.set("duplicated", stats.duplicates.into());
    report.set("peak_rss_mb", ready.installation.peak_rss_mb()?.into());
    if let Some(last) = beside.pop() {
        report.set("cpu_us_per_message", last.cpu);
    }
    Ok(report)
}

fn write(report: &mut Report, alone: &[Latency], beside: &[Beside]) {
    let of_alone = |of: fn(&Latency) -> f64| median(alone.iter().map(of));
    let of = |of: fn(&Beside) -> f64| median(beside.iter().map(of));
    let (p99, p99_beside) = (
        of_alone(|latency| latency.p99_ms),
        of(|round| round.quiet.p99_ms),
    );
    report.set("quiet_p50_ms", rounded(of_alone(|latency| latency.p50_ms)));
    report.set("quiet_p99_ms", rounded(p99));
    let p50_beside = of(|round| round.quiet.p50_ms);
    report.set("quiet_p50_beside_noisy_ms", rounded(p50_beside));
    report.set("quiet_p99_beside_noisy_ms", rounded(p99_beside));
    report.set("times_as_long", rounded(p99_beside / p99));
    report.set("rate_per_second", RATE.into());
    report.set("noisy_offered_per_second", rounded(NOISY_PER_SECOND));
    report.set("quiet_offered_per_second", rounded(QUIET_PER_SECOND));
    let achieved = of(|round| round.per_second);
    report.set("achieved_per_second", rounded(achieved));
    report.set("refused_share", rounded(of(|round| round.refused_share)));
    let lost = beside.iter().map(|round| round.lost + round.quiet.lost);
    let lost = lost.chain(alone.iter().map(|latency| latency.lost));
    report.set("lost", lost.sum::<u64>().into());
    let runs = alone.iter().map(|latency| rounded(latency.p99_ms));
    report.set("quiet_p99_ms_runs", runs.collect());
    let runs = beside.iter().map(|round| rounded(round.quiet.p99_ms));
    report.set("quiet_p99_beside_noisy_ms_runs", runs.collect());
}

/// What came of both.
struct Beside {
    quiet: Latency,
    /// Of the noisy one's.
    lost: u64,
    /// What the sandbox took in a second while both sent.
    per_second: f64,
    /// Of the calls to it.
    refused_share: f64,
    /// By process, for each message.
    cpu: Value,
}

/// The sandbox's counts.
struct Counts {
    calls: u64,
    accepted: u64,
    duplicates: u64,
}

/// A warm installation whose provider is slow, with two services.
struct Ready {
    installation: Installation,
    /// A connection for looking.
    database: Client,
    groups: Groups,
    noisy: Target,
    quiet: Target,
}

impl Ready {
    async fn start(arguments: &Arguments) -> anyhow::Result<Self> {
        let mut installation = Installation::prepare().await?;
        let rate = "CARILLON__SANDBOX__THROTTLE_PER_SECOND";
        installation.set(rate, RATE.to_string());
        let quiet = installation.another_service("Quiet").await?;
        installation.start(&member::ALL).await?;
        let ready = Self {
            database: installation.database.client().await,
            groups: installation.groups(servers(arguments)),
            noisy: installation.target.clone(),
            quiet,
            installation,
        };
        let messages = [&ready.noisy, &ready.quiet].map(Messages::start);
        let targets = [ready.noisy.clone(), ready.quiet.clone()];
        let until = Until::Count(WARM_UP);
        let tally = drive(&targets, Pace::Closed, until, arguments.seed).await?;
        tally.all_accepted()?;
        for messages in messages {
            messages.latency(&ready.database, WARM_UP / 2).await?;
        }
        Ok(ready)
    }

    /// The quiet one and nobody else.
    async fn alone(&self, seed: u64) -> anyhow::Result<Latency> {
        tokio::time::sleep(SETTLING).await;
        let messages = Messages::start(&self.quiet);
        let quiet = std::slice::from_ref(&self.quiet);
        let pace = Pace::PerSecond(QUIET_PER_SECOND);
        let tally = drive(quiet, pace, Until::Elapsed(MEASURED), seed).await?;
        tally.all_accepted()?;
        messages.latency(&self.database, tally.n_accepted()).await
    }

    /// Both; then until what the noisy one has sent is delivered as well.
    async fn beside_noisy(&self, seed: u64) -> anyhow::Result<Beside> {
        tokio::time::sleep(SETTLING).await;
        let cpu_before = self.groups.cpu()?;
        let before = self.sandbox().await?;
        let [noisy, quiet] = [&self.noisy, &self.quiet].map(std::slice::from_ref);
        let messages = [&self.noisy, &self.quiet].map(Messages::start);
        let until = || Until::Elapsed(MEASURED);
        let (noisy, quiet) = tokio::join!(
            drive(noisy, Pace::PerSecond(NOISY_PER_SECOND), until(), seed),
            drive(quiet, Pace::PerSecond(QUIET_PER_SECOND), until(), seed),
        );
        let (noisy, quiet) = (noisy?, quiet?);
        let after = self.sandbox().await?;
        noisy.all_accepted()?;
        quiet.all_accepted()?;
        let [of_noisy, of_quiet] = messages;
        let quiet_latency = of_quiet.latency(&self.database, quiet.n_accepted()).await?;
        let noisy_latency = of_noisy.latency(&self.database, noisy.n_accepted()).await?;
        let used = self.groups.since(&cpu_before)?;
        let n_messages = noisy.n_accepted() + quiet.n_accepted();
        let (n_calls, n_accepted) = (after.calls - before.calls, after.accepted - before.accepted);
        Ok(Beside {
            quiet: quiet_latency,
            lost: noisy_latency.lost,
            per_second: n_accepted as f64 / noisy.elapsed.as_secs_f64(),
            refused_share: (n_calls - n_accepted) as f64 / n_calls as f64,
            cpu: used.per_message(n_messages).into(),
        })
    }

    async fn sandbox(&self) -> anyhow::Result<Counts> {
        let stats = self.installation.sandbox_stats().await?;
        let count = |name: &str| stats[name].as_u64().unwrap_or(0);
        Ok(Counts {
            calls: count("calls"),
            accepted: count("accepted"),
            duplicates: count("duplicates"),
        })
    }
}
