//! Benchmarks: how fast Carillon is, beside a floor measured in the same run, and where the time
//! goes, as CPU per message of each process.
//!
//! A scenario starts installations of its own from the binaries it is given (`installation`),
//! puts load on them (`load`), reads what it cost from `/proc` (`usage`) and returns a
//! `report`. Throughput depends on the machine and on who else uses it; CPU per message is the
//! steady figure, and `compare` sets two builds against each other by it.
//!
//! It knows the product only from outside: HTTP, the broker's queues, rows in PostgreSQL, `/proc`.
//! To add a scenario: a file in `scenarios/`, a variant of `scenarios::Scenario`.

mod arguments;
mod broker;
mod compare;
mod floor;
mod installation;
mod load;
mod numbers;
mod receiver;
mod report;
mod scenarios;
mod usage;

use anyhow::Context;
use clap::Parser;

use arguments::{Arguments, Internal};

/// Reads the command line and does what it says.
///
/// # Errors
/// When a scenario cannot be carried out; a slow result is none.
pub fn run() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.internal {
        Some(Internal::FloorAccept(options)) => floor::accept::serve(options),
        Some(Internal::FloorPipeline(options)) => floor::pipeline::run(&options),
        // One thread: the generator shares the machine with what it measures, and threads that
        // wake each other cost more than the requests.
        None => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("starting the runtime")?
            .block_on(bench(arguments)),
    }
}

async fn bench(arguments: Arguments) -> anyhow::Result<()> {
    let scenarios = arguments.scenarios();
    if let Some([before, after]) = arguments.compare.as_deref() {
        return compare::run(&scenarios, before, after, &arguments).await;
    }
    for scenario in scenarios {
        let report = scenario.run(&arguments).await?;
        report.print();
        report.write(&arguments.out)?;
    }
    Ok(())
}
