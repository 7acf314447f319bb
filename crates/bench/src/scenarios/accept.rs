//! `accept`: how many sends the API takes in a closed loop when nothing else runs and nothing
//! consumes, beside a bare handler; then once more with every process at work.

use std::time::Duration;

use anyhow::ensure;
use carillon_core::queue::Queue;
use carillon_test_support::{Process, amqp_url, eventually, free_port, prefix};
use serde_json::{Map, Value};

use super::{progress, servers};
use crate::arguments::Arguments;
use crate::broker;
use crate::installation::member::{self, Member};
use crate::installation::{Installation, local};
use crate::load::{CONNECTIONS, Pace, Tally, Target, Until, drive, get};
use crate::numbers::{index_of_median, median, rounded};
use crate::report::Report;
use crate::usage::{Group, Groups};

const PHASE: Duration = Duration::from_secs(10);
/// Caches fill and pages fault in before anything counts.
const WARM_UP: Duration = Duration::from_secs(1);
const ROUNDS: usize = 3;

/// One measured phase.
struct Phase {
    tally: Tally,
    cpu: Map<String, Value>,
    system_us: f64,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let mut installation = Installation::prepare().await?;
    let (mut floors, mut ours) = (Vec::new(), Vec::new());
    let n_rounds = if arguments.quick { 1 } else { ROUNDS };
    for round in 1..=n_rounds {
        if !arguments.quick {
            let phase = floor(&installation.target, arguments).await?;
            progress(&format!(
                "accept {round}/{n_rounds}: floor {:.0} per second",
                phase.tally.rate()
            ));
            floors.push(phase);
        }
        let phase = alone(&mut installation, arguments).await?;
        progress(&format!(
            "accept {round}/{n_rounds}: ours {:.0} per second",
            phase.tally.rate()
        ));
        ours.push(phase);
    }
    let mut report = Report::new("accept", arguments);
    let (rps, floor_rps) = (rate(&ours), rate(&floors));
    report.set("rps", rounded(rps));
    report.set(
        "p50_ms",
        rounded(median(
            ours.iter().map(|phase| phase.tally.percentile_ms(50.0)),
        )),
    );
    report.set(
        "p99_ms",
        rounded(median(
            ours.iter().map(|phase| phase.tally.percentile_ms(99.0)),
        )),
    );
    if !arguments.quick {
        report.set("floor_rps", rounded(floor_rps));
        report.set("ratio", rounded(rps / floor_rps));
        let beside = beside_workers(&mut installation, arguments).await?;
        progress(&format!(
            "accept: beside workers {:.0} per second",
            beside.tally.rate()
        ));
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

fn rate(phases: &[Phase]) -> f64 {
    median(phases.iter().map(|phase| phase.tally.rate()))
}

fn rates(phases: &[Phase]) -> Value {
    phases
        .iter()
        .map(|phase| rounded(phase.tally.rate()))
        .collect::<Vec<_>>()
        .into()
}

fn middle(phases: &[Phase]) -> Option<&Phase> {
    let rates: Vec<_> = phases.iter().map(|phase| phase.tally.rate()).collect();
    phases.get(index_of_median(&rates))
}

/// The API and nothing else.
async fn alone(installation: &mut Installation, arguments: &Arguments) -> anyhow::Result<Phase> {
    installation.start(&[Member::Api]).await?;
    let groups = installation.groups(servers(arguments));
    let inbox = installation.queue(Queue::Database);
    let phase = phase(&installation.target, &inbox, &groups, arguments.seed).await?;
    // With the broker at hand nothing may have taken the other way.
    let n_rows = installation
        .database
        .number("SELECT count(*) FROM notifications")
        .await;
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
    drive(
        target,
        CONNECTIONS,
        Pace::Closed,
        Until::Elapsed(WARM_UP),
        seed,
    )
    .await?;
    let phase = measure(target, &groups, seed).await?;
    installation.clear().await?;
    Ok(phase)
}

async fn floor(like: &Target, arguments: &Arguments) -> anyhow::Result<Phase> {
    let (port, queue) = (free_port(), format!("{}floor", prefix()));
    let target = Target {
        address: local(port),
        ..like.clone()
    };
    let (amqp, port_text) = (amqp_url(), port.to_string());
    let args = [
        "floor-accept",
        "--port",
        &port_text,
        "--amqp",
        &amqp,
        "--queue",
        &queue,
        "--service-id",
        &target.service_id,
        "--secret",
        &target.secret,
    ];
    let mut process = Process::start("carillon-bench", NO_ENV, &args);
    let ready = eventually("the floor is ready", Duration::from_secs(20), async || {
        if !process.is_running() {
            return Some(Err(process.logs()));
        }
        let (status, _) = get(target.address, "/readyz").await.ok()?;
        (status == 200).then_some(Ok(()))
    });
    ready
        .await
        .map_err(|logs| anyhow::anyhow!("the floor ended: {logs}"))?;
    let mut groups = servers(arguments);
    groups.add("floor", Group::Process(process.id()));
    let phase = phase(&target, &queue, &groups, arguments.seed).await?;
    drop(process);
    broker::delete(&amqp, &[queue]).await?;
    Ok(phase)
}

const NO_ENV: [(&str, &str); 0] = [];

/// Warms up, empties the queue and measures.
async fn phase(target: &Target, queue: &str, groups: &Groups, seed: u64) -> anyhow::Result<Phase> {
    drive(
        target,
        CONNECTIONS,
        Pace::Closed,
        Until::Elapsed(WARM_UP),
        seed,
    )
    .await?;
    broker::purge(&amqp_url(), queue).await?;
    measure(target, groups, seed).await
}

async fn measure(target: &Target, groups: &Groups, seed: u64) -> anyhow::Result<Phase> {
    let before = groups.cpu()?;
    let tally = drive(
        target,
        CONNECTIONS,
        Pace::Closed,
        Until::Elapsed(PHASE),
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
