//! `callbacks`: how many calls to services there are in a second, and whether one service that is
//! slow or hangs delays the others.

mod drain;
mod others;

use serde_json::Value;

use super::{progress, servers};
use crate::arguments::Arguments;
use crate::installation::{Installation, member};
use crate::load::Target;
use crate::numbers::{median, rounded};
use crate::receiver::{Manner, RECEIVERS, Receivers};
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
    beside_each_manner(&ready, n_rounds, arguments.seed, &mut report).await?;
    report.set("peak_rss_mb", ready.installation.peak_rss_mb()?.into());
    Ok(report)
}

/// The others' latencies beside a well, a slow and a hanging one, in turns, so that what else the
/// machine does meets them alike.
async fn beside_each_manner(
    ready: &Ready,
    n_rounds: usize,
    seed: u64,
    report: &mut Report,
) -> anyhow::Result<()> {
    const MANNERS: [(Manner, &str); 3] = [
        (Manner::Well, "others_p99_quiet_ms"),
        (Manner::Slow, "others_p99_slow_ms"),
        (Manner::Hangs, "others_p99_ms"),
    ];
    let mut p99s = MANNERS.map(|_| Vec::new());
    let mut missing = 0;
    for round in 1..=n_rounds {
        for ((manner, _), p99s) in MANNERS.iter().zip(&mut p99s) {
            let others = others::run(ready, *manner, seed).await?;
            progress(&format!(
                "callbacks {round}/{n_rounds}: the others' p99 {:.1} ms, {} missing, the first: {manner:?}",
                others.p99_ms, others.missing
            ));
            p99s.push(others.p99_ms);
            missing += others.missing;
        }
    }
    // More than one in a hundred missing makes a percentile infinite, which JSON shows as null.
    for ((_, name), p99s) in MANNERS.iter().zip(&p99s) {
        report.set(name, rounded(median(p99s.iter().copied())));
        let runs: Value = p99s.iter().map(|p99| rounded(*p99)).collect();
        report.set(&format!("{name}_runs"), runs);
    }
    report.set("others_missing", missing.into());
    Ok(())
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
