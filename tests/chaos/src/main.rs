//! `carillon-chaos`: the fault run of `./dev chaos`.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::ExitCode;

use carillon_chaos::{Options, Report, Scope, run};
use clap::Parser;
use futures::FutureExt;

/// Kills, pauses and deletes parts of a running installation under load, and judges from outside
/// whether anything accepted was lost or sent twice without a reason.
#[derive(Debug, Parser)]
#[command(name = "carillon-chaos", bin_name = "./dev chaos")]
#[command(
    after_help = "Exit status: 0 every promise was kept; 1 one was broken, such as a message \
    lost or sent twice without a reason; 2 the run could not be set up.\n\
    The same seed sends the same messages and plans the same faults at the same times."
)]
struct Arguments {
    /// What is sent and what goes wrong; from the clock if it is left out
    #[arg(long)]
    seed: Option<u64>,
    /// Messages in all, a quarter of them rows of jobs
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(40..=1_000_000))]
    messages: u32,
    /// Processes killed; each successor is armed with a crash point, so about twice as many die
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    kills: u32,
    /// Only faults that are made good within seconds, as in the suite
    #[arg(long)]
    short: bool,
    /// Where the report is written, in a folder named by the seed
    #[arg(long, default_value = ".dev/chaos")]
    out: PathBuf,
}

/// The run could not be set up.
const NOT_SET_UP: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("chaos: {error}");
            return ExitCode::from(NOT_SET_UP);
        }
    };
    runtime.block_on(start(arguments))
}

async fn start(arguments: Arguments) -> ExitCode {
    let seed = arguments.seed.unwrap_or_else(|| {
        let now = carillon_core::clock::now().timestamp_millis();
        now.unsigned_abs() % 1_000_000_000
    });
    let options = Options {
        seed,
        messages: arguments.messages as usize,
        kills: arguments.kills as usize,
        scope: if arguments.short {
            Scope::Short
        } else {
            Scope::Full
        },
        out: arguments.out,
        checkout: Some(PathBuf::from(".")),
    };
    eprintln!(
        "chaos: seed {seed}, {} messages, {} kills",
        options.messages, options.kills
    );
    let running = run(&options, |text| eprintln!("{text}"));
    // What cannot be set up panics in places.
    let running = AssertUnwindSafe(running).catch_unwind();
    tokio::select! {
        result = running => match result {
            Ok(Ok(report)) => told(&report),
            Ok(Err(error)) => {
                eprintln!("chaos: {error:#}");
                ExitCode::from(NOT_SET_UP)
            }
            Err(_) => ExitCode::from(NOT_SET_UP),
        },
        // Dropping the run ends its processes and servers.
        () = stopped() => {
            eprintln!("chaos: stopped; everything it had started is ended");
            ExitCode::from(130)
        }
    }
}

async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminated) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated.recv() => {}
        },
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

fn told(report: &Report) -> ExitCode {
    println!("{}", report.table());
    println!("report: {}", report.folder.join("report.txt").display());
    if report.is_good() {
        ExitCode::SUCCESS
    } else {
        println!(
            "again: ./dev chaos --seed {} --messages {} --kills {}",
            report.run.seed, report.run.messages, report.run.kills
        );
        ExitCode::from(1)
    }
}
