//! `bulk`: a job of 100,000 rows from its 201 until the last is delivered, every process on this
//! machine; before that the same with 10,000, so that it is seen what grows with the rows.

mod round;

use std::time::Duration;

use serde_json::{Map, Value};
use tokio_postgres::Client;

use super::{pipeline, progress, servers};
use crate::arguments::Arguments;
use crate::installation::{Installation, member};
use crate::numbers::{index_of_median, median, rounded};
use crate::report::Report;
use crate::usage::Groups;
use round::Round;

/// Rows of a job.
const ROWS: u64 = 100_000;
/// Rows of a small one.
const SMALL: u64 = 10_000;
/// Caches fill, statements are prepared and partitions made before anything counts.
const WARM_UP: u64 = 2_000;
const ROUNDS: usize = 3;
/// What starting has left behind is done after this time.
const SETTLING: Duration = Duration::from_secs(3);

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let mut report = Report::new("bulk", arguments);
    let ready = Ready::start(arguments).await?;
    round::run(&ready, WARM_UP, arguments.seed).await?;
    // Memory is read at its highest so far: the small ones come first.
    let small = rounds(&ready, SMALL, arguments).await?;
    let small = figures(&small, &ready)?;
    let large = rounds(&ready, ROWS, arguments).await?;
    let figures = figures(&large, &ready)?;
    let rate = median(large.iter().map(Round::rows_per_second));
    for (name, value) in figures {
        report.set(&name, value);
    }
    if !arguments.quick {
        let floor = pipeline::floor::run(ROWS).await?;
        report.set("floor_per_second", rounded(floor));
        report.set("ratio", rounded(rate / floor));
    }
    report.set("idle_rss_mb", ready.idle_rss_mb.clone().into());
    report.set("small", small.into());
    Ok(report)
}

async fn rounds(ready: &Ready, n_rows: u64, arguments: &Arguments) -> anyhow::Result<Vec<Round>> {
    let n_rounds = if arguments.quick { 1 } else { ROUNDS };
    let mut rounds = Vec::new();
    for number in 1..=n_rounds {
        let round = round::run(ready, n_rows, arguments.seed).await?;
        progress(&format!(
            "bulk {number}/{n_rounds}: {n_rows} rows posted in {:.2} s, saved in {:.2} s, \
             delivered in {:.2} s",
            round.post_s, round.end.saved_s, round.end.delivered_s
        ));
        rounds.push(round);
    }
    Ok(rounds)
}

/// What rounds of one size came to.
fn figures(rounds: &[Round], ready: &Ready) -> anyhow::Result<Map<String, Value>> {
    let middle = |of: fn(&Round) -> f64| rounded(median(rounds.iter().map(of)));
    let sum = |of: fn(&Round) -> u64| Value::from(rounds.iter().map(of).sum::<u64>());
    let rates: Vec<f64> = rounds.iter().map(Round::rows_per_second).collect();
    let mut figures = Map::new();
    let mut set = |name: &str, value| figures.insert(name.to_owned(), value);
    set("seconds_saved", middle(|round| round.end.saved_s));
    set("seconds_delivered", middle(|round| round.end.delivered_s));
    set("rows_per_second", middle(Round::rows_per_second));
    set("post_seconds", middle(|round| round.post_s));
    set("lost", sum(|round| round.end.lost));
    set("duplicated", sum(|round| round.end.duplicated));
    set("peak_rss_mb", ready.installation.peak_rss_mb()?.into());
    if let Some(round) = rounds.get(index_of_median(&rates)) {
        set("cpu_us_per_message", round.cpu.clone().into());
        set("cpu_us_per_message_system", rounded(round.system_us));
    }
    let runs = rates.into_iter().map(rounded).collect();
    set("rows_per_second_runs", runs);
    Ok(figures)
}

/// An installation with all its processes.
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
        Ok(Self {
            database: installation.database.client().await,
            groups: installation.groups(servers(arguments)),
            idle_rss_mb: installation.idle_rss_mb()?,
            installation,
        })
    }
}
