//! One run, from its servers to its report.

mod installation;
mod rest;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use carillon_core::queue::Queue;
use serde_json::json;

use crate::checker::{self, Verdict};
use crate::client::Client;
use crate::faults;
use crate::history::History;
use crate::ledgers;
use crate::plan::{Plan, Scope, provider_faults, replicas};
use crate::report::{Report, Run};
use crate::work;
use installation::Installation;

/// What a run is made of.
#[derive(Debug, Clone)]
pub struct Options {
    /// Says what is sent and what goes wrong.
    pub seed: u64,
    /// Messages in all.
    pub messages: usize,
    /// Processes that are killed; each of their successors is armed with a crash point.
    pub kills: usize,
    /// How far it goes.
    pub scope: Scope,
    /// Its folder, `SEED`, is made in here.
    pub out: PathBuf,
    /// Where the commit is looked up; none when nobody asks.
    pub checkout: Option<PathBuf>,
}

/// How many timelines are read of messages that nothing happened to.
const TIMELINES: usize = 100;
/// How many messages are asked for one by one, by their service and by another.
const READ_ONE_BY_ONE: usize = 200;

/// Runs, judges and writes the report. What happens meanwhile is said to `say`, a line at a time.
///
/// # Errors
/// When the installation cannot be set up or read; a broken promise is in the report.
pub async fn run(options: &Options, say: impl Fn(&str)) -> anyhow::Result<Report> {
    let began = Instant::now();
    let say = |text: &str| say(&format!("{:>6.1} s  {text}", began.elapsed().as_secs_f64()));
    let folder = options.out.join(options.seed.to_string());
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("logs"))
        .with_context(|| format!("making {}", folder.display()))?;

    let plan = Plan::of(options.seed, options.messages, options.kills, options.scope);
    let works = work::of(options.seed, options.messages);
    say("starting PostgreSQL and RabbitMQ");
    let installation = Installation::start(options, &plan, &folder, &say).await?;
    let mut history = load(&installation, &plan, &works, &folder, &say).await?;
    history.lease_s = installation::lease(options.scope).as_secs_f64();
    installation.lift().await?;
    say("every fault is lifted; waiting until everything is at rest");
    rest::until_quiet(&installation, &mut history, &say).await?;
    say("reading the ledgers");
    read(&installation, &mut history, &folder).await?;

    let verdict = Verdict::of(&history);
    let run = Run {
        seed: options.seed,
        messages: options.messages,
        kills: options.kills,
        commit: installation::commit(options.checkout.as_deref()),
        versions: installation.versions().await,
    };
    let deleted = installation.servers.deleted();
    let deleted: Vec<String> = deleted.iter().map(Queue::to_string).collect();
    let armed = installation.fleet.times_armed();
    let took = began.elapsed().as_secs_f64();
    let report = Report::new(run, &history, verdict, &armed, &deleted, took, &folder);
    report.save()?;
    installation.stop().await;
    if report.is_good() {
        // What it was judged by is only of use when something is wrong.
        let _ = std::fs::remove_dir_all(folder.join("logs"));
        for ledger in ["client.jsonl", "sandbox.log"] {
            let _ = std::fs::remove_file(folder.join(ledger));
        }
    } else {
        std::fs::write(folder.join("history.json"), serde_json::to_vec(&history)?)?;
        say(&format!("logs and ledgers are in {}", folder.display()));
    }
    Ok(report)
}

/// Posts everything while everything goes wrong.
async fn load(
    installation: &Installation,
    plan: &Plan,
    works: &[work::Work],
    folder: &std::path::Path,
    say: &impl Fn(&str),
) -> anyhow::Result<History> {
    let Installation {
        fleet,
        servers,
        reader,
        ..
    } = installation;
    installation.set_faults(&provider_faults(plan.seed)).await?;
    let client = Client::new(
        installation.apis.clone(),
        installation.tenants.clone(),
        &folder.join("client.jsonl"),
    )?;
    say(&format!(
        "posting for {:.0} s; {} processes",
        plan.load.as_secs_f64(),
        replicas(installation.scope)
            .iter()
            .map(|(_, n)| n)
            .sum::<usize>()
    ));
    let mut history = History::default();
    let progress = async {
        let mut every = tokio::time::interval(std::time::Duration::from_secs(5));
        every.tick().await;
        loop {
            every.tick().await;
            let n = |counter: &std::sync::atomic::AtomicUsize| {
                counter.load(std::sync::atomic::Ordering::Relaxed)
            };
            let counts = client.counts();
            say(&format!(
                "{} requests, {} messages accepted, {} unknown; {} processes died",
                n(&counts.requests),
                n(&counts.accepted),
                n(&counts.unknown),
                fleet.deaths().len()
            ));
        }
    };
    let (mut observed, mut readings) = (std::collections::BTreeMap::new(), Vec::new());
    let both = async {
        let posting = client.run(works, plan.load);
        let (intents, ()) = tokio::join!(posting, faults::carry_out(plan, fleet, servers, say));
        intents
    };
    tokio::select! {
        intents = both => history.intents = intents?,
        _ = progress => {}
        () = fleet.keep_running() => {}
        () = reader.watch(&mut observed) => {}
        () = ledgers::watch(&installation.stack, &mut readings) => {}
    }
    history.observed = observed;
    history.ledger = readings;
    let facts = installation
        .tenants
        .iter()
        .map(|tenant| tenant.facts.clone());
    history.tenants = facts.collect();
    Ok(history)
}

/// Everything that the checker needs besides what the client has seen.
async fn read(
    installation: &Installation,
    history: &mut History,
    folder: &std::path::Path,
) -> anyhow::Result<()> {
    history.deaths = installation.fleet.deaths();
    history.outages = installation.servers.outages();
    history
        .ledger
        .push(ledgers::ledger(&installation.stack).await?);
    history.calls = ledgers::provider_calls(&installation.sandbox_log)?;
    let mut wanted = checker::sent_again(history);
    let step = (history.rows.len() / TIMELINES).max(1);
    wanted.extend(history.rows.iter().step_by(step).map(|row| row.id.clone()));
    for id in wanted {
        let timeline = ledgers::timeline(&installation.stack, &id).await?;
        history.timelines.insert(id, timeline);
    }
    let step = (history.rows.len() / READ_ONE_BY_ONE).max(1);
    for row in history.rows.iter().step_by(step) {
        if !installation.reader.shows(row.tenant, &row.id).await? {
            history.unreadable.push(row.id.clone());
        }
        let other = (row.tenant + 1) % work::TENANTS;
        if installation.reader.shows(other, &row.id).await? {
            history.readable_by_others.push(row.id.clone());
        }
    }
    let forbidden = installation.forbidden();
    history.leaks = forbidden.search_folder(&folder.join("logs"))?;
    for (name, text) in installation.fleet.metrics(&installation.http).await? {
        history
            .leaks
            .extend(forbidden.search(&format!("/metrics of {name}"), &text));
    }
    Ok(())
}

impl Installation {
    /// No fault from here on.
    async fn lift(&self) -> anyhow::Result<()> {
        self.set_faults(&json!({})).await?;
        self.fleet.disarm();
        Ok(())
    }
}
