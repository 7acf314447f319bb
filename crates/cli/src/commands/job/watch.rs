//! `carillon job watch`, and watching a job that was submitted.

use std::time::Duration;

use anyhow::anyhow;
use carillon_core::id::JobId;
use clap::Args;
use indicatif::HumanCount;
use tokio::time::{Instant, sleep};

use super::OfJob;
use super::screen::Screen;
use super::snapshot::{End, Snapshot};
use super::source::Source;
use crate::commands::send::{ApiUrl, KeyFile};
use crate::cx::Cx;
use crate::failure::Fault;
use crate::format::Output;

pub(super) const HELP: &str = "\
The database is asked if DATABASE_URL is set, else the API, with the service's key in API_KEY. The
exit code is 0 when each row has its end, delivered or not; 1 if the job was cancelled or cannot go
on; 3 if it is under way at the time-out. Ctrl-C ends the watching, never the job.

Examples:
  carillon job watch 0198c6a2-5d3e-7b12-9f60-3c1a5e8d7f42
  carillon job watch 0198c6a2-5d3e-7b12-9f60-3c1a5e8d7f42 --timeout 600 --format json";

/// Often enough to look live; the counting is not free.
const EVERY: Duration = Duration::from_secs(1);
/// What cannot be read for so long is given up.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    of: OfJob,
    #[command(flatten)]
    url: ApiUrl,
    #[command(flatten)]
    key: KeyFile,
    /// How many seconds to watch it at most; without it, until the end
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    #[command(flatten)]
    output: Output,
}

impl Watch {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let source = match Source::database(cx)? {
            Some(database) => database,
            None => Source::Service(self.url.open(cx, self.key.read()?)?),
        };
        let watching = Watching {
            source,
            timeout_s: self.timeout,
        };
        watching.until_the_end(self.of.job_id, self.output).await
    }
}

/// A watching that can begin.
pub(super) struct Watching {
    pub source: Source,
    pub timeout_s: Option<u64>,
}

impl Watching {
    /// Watches until each row has its end, and returns what there were. A job that stopped before
    /// is an error, after it was printed how far it is.
    pub async fn until_the_end(self, id: JobId, output: Output) -> anyhow::Result<String> {
        let mut screen = Screen::new(output);
        let seen = tokio::select! {
            seen = self.watch(id, &mut screen) => seen?,
            // If signals cannot be had, there is nothing to be told of.
            Ok(()) = tokio::signal::ctrl_c() => {
                drop(screen);
                return Err(anyhow!("stopped watching; the job goes on: carillon job watch {id}"));
            }
        };
        drop(screen);
        let text = || {
            format!(
                "{}, {} rows: {}",
                seen.status,
                HumanCount(seen.n_rows),
                seen.counts()
            )
        };
        let last = output.render(text, &seen)?;
        let error = match seen.end() {
            Some(End::Done) => return Ok(last),
            Some(End::Stopped) => anyhow!("job {id} is {}", seen.status),
            None => {
                anyhow!("job {id} is under way: carillon job watch {id}").context(Fault::TimedOut)
            }
        };
        crate::print(&last)?;
        Err(error)
    }

    /// Reads until the end or the time-out, and returns what was read last.
    async fn watch(&self, id: JobId, screen: &mut Screen) -> anyhow::Result<Snapshot> {
        let began = Instant::now();
        let deadline = self.timeout_s.map(|s| began + Duration::from_secs(s));
        let (mut last, mut seen_at) = (None, began);
        loop {
            match self.source.read(id).await {
                Ok(Some(seen)) => {
                    screen.show(&seen);
                    seen_at = Instant::now();
                    last = Some(seen);
                }
                Ok(None) => return Err(anyhow!("job {id} does not exist")),
                // That it cannot be read for now says nothing about the job.
                Err(error) if seen_at.elapsed() < PATIENCE => screen.note(&error),
                Err(error) => return Err(error.context(format!("job {id} cannot be read"))),
            }
            let is_over = last.as_ref().is_some_and(|seen| seen.end().is_some());
            let is_late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            match last {
                Some(seen) if is_over || is_late => return Ok(seen),
                None if is_late => {
                    let error = anyhow!("job {id} could not be read");
                    return Err(error.context(Fault::TimedOut));
                }
                _ => sleep(EVERY).await,
            }
        }
    }
}
