//! `pipeline`: 50,000 e-mails from the first POST to the last `delivered`, every process on this
//! machine, beside what the two servers need at least; then the latencies at a third of that rate.

mod burst;
mod fill;
mod steady;

use std::time::Duration;

use anyhow::Context;
use carillon_test_support::{Process, TestDatabase, amqp_url, prefix};
use serde_json::{Map, Value, json};

use super::{progress, servers};
use crate::arguments::Arguments;
use crate::broker;
use crate::floor::pipeline::Floor;
use crate::installation::{Installation, member};
use crate::numbers::{index_of_median, median, rounded};
use crate::report::Report;
use burst::Burst;

/// Messages of a run.
const MESSAGES: u64 = 50_000;
/// Caches fill, statements are prepared and partitions made before anything counts.
const WARM_UP: u64 = 2_000;
const ROUNDS: usize = 3;
/// What starting has left behind is done after this time.
const SETTLING: Duration = Duration::from_secs(3);

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let n_rounds = if arguments.quick { 1 } else { ROUNDS };
    let (installation, idle) = start().await?;
    let groups = installation.groups(servers(arguments));
    let database = installation.database.client().await;
    warm_up(&installation, arguments).await?;
    let (mut floors, mut bursts) = (Vec::new(), Vec::new());
    for round in 1..=n_rounds {
        if !arguments.quick {
            let rate = floor().await?;
            progress(&format!(
                "pipeline {round}/{n_rounds}: floor {rate:.0} per second"
            ));
            floors.push(rate);
        }
        let burst = burst::run(&installation, &database, &groups, MESSAGES, arguments.seed).await?;
        progress(&format!(
            "pipeline {round}/{n_rounds}: ours {:.0} per second",
            burst.per_second
        ));
        bursts.push(burst);
    }

    let mut report = Report::new("pipeline", arguments);
    let (rate, floor_rate) = (rate(&bursts), median(floors.iter().copied()));
    report.set("per_second", rounded(rate));
    let (mut lost, mut duplicated) = counts(&bursts);
    if !arguments.quick {
        report.set("floor_per_second", rounded(floor_rate));
        report.set("ratio", rounded(rate / floor_rate));
        progress(&format!(
            "pipeline: {} s at {:.0} per second",
            steady::TIME.as_secs(),
            rate / 3.0
        ));
        let steady = steady::run(&installation, &database, rate / 3.0, arguments.seed).await?;
        steady.report(&mut report);
        lost += steady.lost;
        duplicated += steady.duplicated;
    }
    report.set("lost", lost.into());
    report.set("duplicated", duplicated.into());
    report.set("peak_rss_mb", installation.peak_rss_mb()?.into());
    report.set("idle_rss_mb", idle.into());
    // Services' callbacks are not built yet.
    report.set("per_second_with_callbacks", Value::Null);
    if let Some(burst) = middle(&bursts) {
        report.set("cpu_us_per_message", burst.cpu.clone().into());
        report.set("cpu_us_per_message_system", rounded(burst.system_us));
    }
    if !arguments.quick {
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
        report.set(
            "accepted_per_second",
            rounded(median(bursts.iter().map(|burst| burst.accepted_per_second))),
        );
    }
    drop(installation);
    if let Some(n_rows) = arguments.rows {
        report.set("flat", flat(&bursts, n_rows, n_rounds, arguments).await?);
    }
    Ok(report)
}

/// An installation with all its processes, and their memory before they have done anything.
async fn start() -> anyhow::Result<(Installation, Map<String, Value>)> {
    let mut installation = Installation::prepare().await?;
    installation.start(&member::ALL).await?;
    tokio::time::sleep(SETTLING).await;
    let memory = installation.memory()?;
    // The sandbox is no part of the product.
    let ours = memory.iter().filter(|(name, _)| **name != "sandbox");
    let sum: f64 = ours.map(|(_, memory)| memory.now_mb).sum();
    let by_name = memory
        .iter()
        .map(|(name, memory)| ((*name).to_owned(), rounded(memory.now_mb)));
    let idle = by_name
        .chain([("all_but_sandbox".to_owned(), rounded(sum))])
        .collect();
    Ok((installation, idle))
}

async fn warm_up(installation: &Installation, arguments: &Arguments) -> anyhow::Result<()> {
    let database = installation.database.client().await;
    let groups = installation.groups(servers(arguments));
    burst::run(installation, &database, &groups, WARM_UP, arguments.seed).await?;
    Ok(())
}

async fn floor() -> anyhow::Result<f64> {
    let database = TestDatabase::create().await;
    let (amqp, queue) = (amqp_url(), format!("{}floor", prefix()));
    let n = MESSAGES.to_string();
    let args = [
        "floor-pipeline",
        "--database",
        &database.url,
        "--amqp",
        &amqp,
        "--queue",
        &queue,
        "--messages",
        &n,
    ];
    let printed = Process::run("carillon-bench", [] as [(&str, &str); 0], &args).await;
    let printed = printed.map_err(|error| anyhow::anyhow!("the floor failed: {error}"))?;
    let floor: Floor = serde_json::from_str(&printed).context("what the floor printed")?;
    broker::delete(&amqp, &[queue]).await?;
    let Floor {
        database_s,
        broker_s,
    } = floor;
    progress(&format!(
        "pipeline: floor of the database {database_s:.2} s, of the broker {broker_s:.2} s"
    ));
    Ok(floor.per_second(MESSAGES))
}

fn rate(bursts: &[Burst]) -> f64 {
    median(bursts.iter().map(|burst| burst.per_second))
}

fn middle(bursts: &[Burst]) -> Option<&Burst> {
    let rates: Vec<_> = bursts.iter().map(|burst| burst.per_second).collect();
    bursts.get(index_of_median(&rates))
}

fn counts(bursts: &[Burst]) -> (u64, u64) {
    let sum = |of: fn(&Burst) -> u64| bursts.iter().map(of).sum();
    (sum(|burst| burst.lost), sum(|burst| burst.duplicated))
}

/// The same with the day's tables full, so that the cost of a message shows whether it grows.
async fn flat(
    empty: &[Burst],
    n_rows: u64,
    n_rounds: usize,
    arguments: &Arguments,
) -> anyhow::Result<Value> {
    let (installation, _) = start().await?;
    let groups = installation.groups(servers(arguments));
    let database = installation.database.client().await;
    warm_up(&installation, arguments).await?;
    let n_before = n_rows.saturating_sub(MESSAGES + WARM_UP);
    progress(&format!(
        "pipeline: filling the day's tables with {n_before} delivered messages"
    ));
    fill::run(&installation, &database, n_before).await?;
    let mut full = Vec::new();
    for round in 1..=n_rounds {
        let burst = burst::run(&installation, &database, &groups, MESSAGES, arguments.seed).await?;
        progress(&format!(
            "pipeline full {round}/{n_rounds}: {:.0} per second",
            burst.per_second
        ));
        full.push(burst);
    }
    let system = |bursts: &[Burst]| median(bursts.iter().map(|burst| burst.system_us));
    let (lost, duplicated) = counts(&full);
    Ok(json!({
        "rows": n_rows,
        "per_second": rounded(rate(&full)),
        "cpu_us_per_message": middle(&full).map(|burst| burst.cpu.clone()),
        "cpu_us_per_message_system": rounded(system(&full)),
        "cpu_us_per_message_system_empty": rounded(system(empty)),
        "cpu_ratio_to_empty": rounded(system(&full) / system(empty)),
        "lost": lost,
        "duplicated": duplicated,
    }))
}
