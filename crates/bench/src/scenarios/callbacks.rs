//! `callbacks`: how many calls to services there are in a second, and whether one service that
//! hangs delays the others.

mod drain;
mod others;

use serde_json::Value;

use super::{progress, servers};
use crate::arguments::Arguments;
use crate::installation::{Installation, member};
use crate::load::Target;
use crate::numbers::{median, rounded};
use crate::receiver::{RECEIVERS, Receivers};
use crate::report::Report;

const ROUNDS: usize = 3;

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let mut report = Report::new("callbacks", arguments);
    let n_rounds = if arguments.quick { 1 } else { ROUNDS };
    let mut ready = Ready::start().await?;
    let mut drains = Vec::new();
    for round in 1..=n_rounds {
        let drain = drain::run(&mut ready, arguments).await?;
        progress(&format!(
            "callbacks {round}/{n_rounds}: {:.0} per second",
            drain.per_second
        ));
        drains.push(drain);
    }
    let rates: Vec<f64> = drains.iter().map(|drain| drain.per_second).collect();
    report.set("per_second", rounded(median(rates.iter().copied())));
    report.set(
        "per_second_runs",
        rates.iter().map(|rate| rounded(*rate)).collect(),
    );
    report.set(
        "missing",
        drains.iter().map(|drain| drain.missing).sum::<u64>().into(),
    );
    report.set(
        "repeated",
        drains
            .iter()
            .map(|drain| drain.repeated)
            .sum::<u64>()
            .into(),
    );
    if let Some(drain) = drains.into_iter().next_back() {
        report.set("cpu_us_per_message", drain.cpu.into());
    }
    ready.installation.replace_worker(ALL_QUEUES).await?;
    let (mut quiet, mut beside) = (Vec::new(), Vec::new());
    for round in 1..=n_rounds {
        quiet.push(others::run(&ready, false, arguments.seed).await?);
        beside.push(others::run(&ready, true, arguments.seed).await?);
        progress(&format!(
            "callbacks {round}/{n_rounds}: the others' p99 {:.1} ms, beside one that hangs {:.1} ms",
            quiet[round - 1],
            beside[round - 1]
        ));
    }
    let p99s = |all: &[f64]| -> Value { all.iter().map(|p99| rounded(*p99)).collect() };
    report.set(
        "others_p99_quiet_ms",
        rounded(median(quiet.iter().copied())),
    );
    report.set("others_p99_ms", rounded(median(beside.iter().copied())));
    report.set("others_p99_quiet_ms_runs", p99s(&quiet));
    report.set("others_p99_ms_runs", p99s(&beside));
    report.set("peak_rss_mb", ready.installation.peak_rss_mb()?.into());
    Ok(report)
}

/// What a worker consumes that calls nobody.
const ALL_BUT_CALLBACKS: &str = "database,database-priority,database-bulk,save-api-email,\
    save-api-sms,send-email,send-sms,send-email-bulk,send-sms-bulk,priority,retry,research-mode,\
    ses-callbacks,sms-callbacks";
/// What a worker consumes that does nothing else.
const CALLBACKS: &str = "callbacks,callbacks-retry";
/// Everything.
const ALL_QUEUES: &str = "database,database-priority,database-bulk,save-api-email,save-api-sms,\
    send-email,send-sms,send-email-bulk,send-sms-bulk,priority,retry,research-mode,\
    ses-callbacks,sms-callbacks,callbacks,callbacks-retry";

/// An installation with ten services, each of which is told of its messages' ends.
struct Ready {
    installation: Installation,
    targets: Vec<Target>,
    receivers: Receivers,
}

impl Ready {
    async fn start() -> anyhow::Result<Self> {
        let mut installation = Installation::prepare().await?;
        let receivers = Receivers::start()?;
        let mut targets = Vec::with_capacity(RECEIVERS);
        for receiver in 0..RECEIVERS {
            let name = format!("Receiver {receiver}");
            let target = installation.another_service(&name).await?;
            let url = receivers.url(receiver);
            installation.call_back(&target.service_id, &url).await?;
            targets.push(target);
        }
        installation.start(&member::ALL).await?;
        Ok(Self {
            installation,
            targets,
            receivers,
        })
    }
}
