//! From arguments to exit code: the life of a process.
//!
//! It ends in two steps. The first SIGTERM or SIGINT cancels [`App::shutdown`]: stop taking work,
//! finish what has begun. What has not finished after `shutdown.drain_s` is told by
//! [`App::abort`] to drop everything. A second signal ends the process on the spot.

mod arguments;
mod signals;
mod supervise;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use supervise::Ending;

use crate::crash_point;
use crate::health::{self, Health};
use crate::settings::{self, Settings};
use crate::tasks::Tasks;
use crate::telemetry::Telemetry;

/// The process was told something it cannot work with: `EX_CONFIG` of sysexits.
const BAD_CONFIGURATION: u8 = 78;

/// Blocking work that does not end is left behind after this time.
const BLOCKING_GRACE: Duration = Duration::from_millis(500);

/// What a process says about itself in `--help` and `--version`.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The name of the binary.
    pub name: &'static str,
    /// What it does, in one line.
    pub description: &'static str,
}

/// No arguments beside those every process has.
#[derive(Args, Clone, Copy, Debug)]
pub struct NoArguments {}

/// What the work of a process is given. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    /// What the process was told.
    pub settings: Arc<Settings>,
    /// Cancelled when the process shall take no more work.
    pub shutdown: CancellationToken,
    /// Cancelled when the time to finish is over: drop everything.
    pub abort: CancellationToken,
    /// Background work that the end waits for.
    pub tasks: Tasks,
    /// What the process says about itself.
    pub health: Health,
}

impl App {
    /// An app as [`run`] makes it, without its surroundings: for work that runs inside a test.
    #[must_use]
    pub fn new(settings: Arc<Settings>, telemetry: Telemetry) -> Self {
        let shutdown = CancellationToken::new();
        Self {
            settings,
            abort: CancellationToken::new(),
            tasks: Tasks::new(shutdown.clone()),
            health: Health::new(shutdown.clone(), telemetry),
            shutdown,
        }
    }
}

/// Runs a process that takes no arguments of its own: see [`run_with`].
pub fn run<F>(about: About, main: F) -> ExitCode
where
    F: AsyncFnOnce(App) -> anyhow::Result<()>,
{
    run_with(about, async |app, _: NoArguments| main(app).await)
}

/// Runs a process: arguments, settings, logs, metrics, health, then `main` until it returns or
/// the process is told to stop, then everything in [`App::tasks`] until it has finished.
///
/// The process ends when `main` does: one that leaves the work to tasks waits for
/// [`App::shutdown`]. `A` are the arguments that this process has beside `--config`.
///
/// The exit code is 0 after an orderly end; 1 if `main` or an essential task failed, or what had
/// begun did not finish in time; 2 for bad arguments; 78 for bad settings, with one line on stderr.
pub fn run_with<A, F>(about: About, main: F) -> ExitCode
where
    A: Args,
    F: AsyncFnOnce(App, A) -> anyhow::Result<()>,
{
    let (config, extra) = match arguments::parse::<A>(about) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let settings = match load(config.as_deref()) {
        Ok(settings) => settings,
        Err(error) => {
            complain(about, &error);
            return ExitCode::from(BAD_CONFIGURATION);
        }
    };
    let _points = crash_point::from_environment();
    match start(about, settings) {
        Ok((runtime, app, telemetry)) => {
            let ending = runtime.block_on(supervise::until_the_end(&app, main(app.clone(), extra)));
            runtime.shutdown_timeout(BLOCKING_GRACE);
            telemetry.flush();
            match ending {
                Ending::Orderly => ExitCode::SUCCESS,
                Ending::Failed => ExitCode::FAILURE,
            }
        }
        Err(error) => {
            complain(about, &error);
            ExitCode::FAILURE
        }
    }
}

fn load(config: Option<&Path>) -> anyhow::Result<Settings> {
    Ok(Settings::load(config, settings::environment())?)
}

/// Everything that stands around the work.
fn start(about: About, settings: Settings) -> anyhow::Result<(Runtime, App, Telemetry)> {
    // Fails only if one is installed already, which then serves as well.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name(about.name)
        .build()
        .context("cannot start threads")?;
    let (app, telemetry) = {
        let _inside = runtime.enter();
        let telemetry = Telemetry::install(about.name, &settings.telemetry)?;
        let app = App::new(Arc::new(settings), telemetry.clone());
        signals::watch(app.shutdown.clone()).context("cannot watch signals")?;
        health::serve(&app.health, app.settings.health.listen)?;
        (app, telemetry)
    };
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "{} starts", about.name);
    Ok((runtime, app, telemetry))
}

/// One line on stderr, whatever the error: logs are not set up, or nobody reads them yet.
fn complain(about: About, error: &anyhow::Error) {
    let line = format!("{error:#}")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    eprintln!("{}: {line}", about.name);
}
