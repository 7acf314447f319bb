//! `carillon ledger`.

mod since;
mod text;

use std::time::Duration;

use anyhow::{Context, bail};
use carillon_core::lane::Lane;
use carillon_core::ledger::Report;
use carillon_store::ledger::{self, Filter};
use carillon_store::{Store, health};
use clap::Args;
use tokio::time::sleep;

use crate::commands::service::OnlyService;
use crate::cx::Cx;
use crate::format::{Format, Output};
use crate::parse;
use since::Since;

/// The check runs once a minute; more often than this there is nothing new.
const EVERY: Duration = Duration::from_secs(5);

const AFTER_HELP: &str = "\
What the API answered with 201 is counted by the API itself; what is there is counted by the poller a
minute later, by the time in the messages' ids. docs/ledger.md explains every column and what to do
when the two do not add up.

Exits with 0 when everything adds up, else with 1. With --watch it prints again what has changed,
until Ctrl-C.

Examples:
  carillon ledger
  carillon ledger --service 0198c6a2-5d3e-7b12-9f60-3c1a5e8d7f42 --since 7d
  carillon ledger --since 2027-01-31T08:00:00Z --json | jq .totals";

/// Compare what was accepted with where it is, and say what is missing
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Ledger {
    #[command(flatten)]
    service: OnlyService,
    /// Only of this lane
    #[arg(long, value_parser = parse::lane())]
    lane: Option<Lane>,
    /// From the hour of this time on: so long ago (90m, 24h, 7d), or such as 2026-01-31T08:00:00Z
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = Since::parse)]
    since: Since,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Print it again whenever it has changed, until Ctrl-C
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    output: Output,
}

impl Ledger {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let store = cx.store()?;
        self.service.must_exist(&store).await?;
        let mut report = self.read(&store).await?;
        if self.watch {
            while let Some(changed) = self.shown_and_changed(&store, &report).await? {
                report = changed;
            }
        }
        // Unlike other commands' output, this is needed most of all when the command fails. Whoever
        // watched has seen it.
        if !self.watch {
            crate::print(&self.render(&report)?)?;
        }
        if report.adds_up {
            return Ok(String::new());
        }
        bail!("the ledger does not add up: {}", text::verdict(&report))
    }

    /// Prints it and waits until it reads otherwise; none at Ctrl-C.
    async fn shown_and_changed(
        &self,
        store: &Store,
        before: &Report,
    ) -> anyhow::Result<Option<Report>> {
        crate::print(&self.render(before)?)?;
        loop {
            tokio::select! {
                () = sleep(EVERY) => {}
                // If signals cannot be had, there is nothing to be told of.
                Ok(()) = tokio::signal::ctrl_c() => return Ok(None),
            }
            let report = self.read(store).await?;
            if report.lines != before.lines || report.jobs != before.jobs {
                return Ok(Some(report));
            }
        }
    }

    async fn read(&self, store: &Store) -> anyhow::Result<Report> {
        let read = async {
            let now = health::now(store).await?;
            let filter = Filter {
                since: self.since.at(now),
                service_id: self.service.id,
                lane: self.lane,
            };
            ledger::read(store, filter).await
        };
        read.await.context("cannot read the ledger")
    }

    fn render(&self, report: &Report) -> anyhow::Result<String> {
        let format = if self.json {
            Format::Json
        } else {
            self.output.format
        };
        Output { format }.render(|| text::of(report), report)
    }
}
