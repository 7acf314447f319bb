//! `carillon doctor`.
//!
//! Each area asks for facts and hands them to functions that decide, without any I/O, what they
//! mean. Areas run side by side, each with a deadline: a dead server costs seconds, and what the
//! others found is shown all the same. Nothing is changed anywhere.

mod address;
mod broker;
mod check;
mod clock;
mod connections;
mod flow;
mod postgres;
mod processes;
mod providers;
mod queues;
mod report;
mod schedule;
mod server;
mod settings;
mod spelled;

use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;

use crate::cx::Cx;
use crate::format::Output;
use check::{Area, Check, Section};

/// Each area ends within this time; all run at once.
const AREA_WITHIN: Duration = Duration::from_secs(15);

const AFTER_HELP: &str = "\
Looks at the settings, PostgreSQL, RabbitMQ, the processes of this host and the providers, changes
nothing, and ends within 20 seconds. docs/doctor.md explains every check.

ok    as it should be
warn  works, but look at it
FAIL  something does not work, or a message may be lost
skip  could not be looked at from here, and why

Exits with 0 when nothing is FAIL, else with 1. Give it the settings of the processes: the same
--config and environment.

Examples:
  carillon doctor
  carillon doctor --quiet --config carillon.toml
  carillon doctor --format json | jq '.checks[] | select(.state != \"ok\")'";

/// Look for what is wrong, and say what to do about each thing
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Doctor {
    /// Show warnings and failures only
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    output: Output,
}

impl Doctor {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let spinner = spinner();
        let sections = examine(cx).await;
        spinner.finish_and_clear();
        let text = self.output.render(
            || report::text(&sections, self.quiet),
            report::json(&sections, self.quiet),
        )?;
        let tally = report::Tally::of(&sections);
        if tally.n_problems == 0 {
            return Ok(text);
        }
        // Unlike other commands' output, this is needed most of all when the command fails.
        crate::print(&text)?;
        anyhow::bail!("something does not work: {tally}")
    }
}

fn spinner() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let spinner = ProgressBar::new_spinner().with_message("looking");
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

async fn examine(cx: &Cx) -> Vec<Section> {
    let mut checks = Vec::new();
    let loaded = settings::examine(cx, &mut checks);
    let mut sections = vec![Section {
        area: Area::Settings,
        checks,
    }];
    let Some(loaded) = &loaded else {
        sections.extend(Area::BEYOND_SETTINGS.map(|area| Section {
            area,
            checks: vec![Check::skipped("everything", "the settings cannot be read")],
        }));
        return sections;
    };
    let (postgres, rabbitmq, processes, providers) = tokio::join!(
        within(Area::Postgres, async |checks| {
            postgres::examine(loaded, checks).await;
        }),
        within(Area::Rabbitmq, async |checks| {
            broker::examine(loaded, checks).await;
        }),
        within(Area::Processes, async |checks| {
            processes::examine(loaded, checks).await;
        }),
        within(Area::Providers, async |checks| {
            providers::examine(loaded, checks).await;
        }),
    );
    sections.extend([postgres, rabbitmq, processes, providers]);
    sections
}

/// What an area finds until its deadline, whatever happens then.
async fn within(area: Area, examine: impl AsyncFnOnce(&mut Vec<Check>)) -> Section {
    let mut checks = Vec::new();
    let examined = tokio::time::timeout(AREA_WITHIN, examine(&mut checks)).await;
    if examined.is_err() {
        checks.push(Check::problem(
            "the rest",
            format!("no answer within {}", spelled::span(AREA_WITHIN)),
            "see whether it is overloaded, and whether the network loses packets; the checks \
             missing here have not been made",
        ));
    }
    Section { area, checks }
}
