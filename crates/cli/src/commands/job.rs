//! `carillon job`.

mod accepted;
mod change;
mod facts;
mod invalid_rows;
mod list;
mod pace;
mod refusal;
mod retry;
mod rows;
mod screen;
mod show;
mod snapshot;
mod source;
mod submit;
mod upload;
mod watch;

use anyhow::Context;
use carillon_core::id::JobId;
use carillon_core::job::JobEvent;
use carillon_store::Store;
use carillon_store::job;
use clap::{Args, Subcommand};

use crate::cx::Cx;
use crate::parse;

const SUBMIT_HELP: &str = "\
The file has a header: `email address` or `phone number`, a column for each placeholder, and
`reference` if you like. It is sent as it is read. If a row is wrong nothing is sent and the first
wrong rows are named; with --skip-invalid the good rows are sent and `carillon job invalid-rows`
gives the others back.

Examples:
  carillon job submit people.csv --template TEMPLATE_ID --watch
  carillon job submit people.csv --template TEMPLATE_ID --name 'May' --skip-invalid \\
      --scheduled-for 2027-01-31T09:00:00+01:00
  zcat people.csv.gz | carillon job submit - --template TEMPLATE_ID --name 'May'";

const LIST_HELP: &str = "\
Examples:
  carillon job list --service 0198c6a2-5d3e-7b12-9f60-3c1a5e8d7f42
  carillon job list --status 'in progress' --status paused";

const ROWS_HELP: &str = "\
Rows that are not saved yet are not shown.

Examples:
  carillon job rows JOB_ID --status failed
  carillon job rows JOB_ID --status created --format json";

const INVALID_ROWS_HELP: &str = "\
They have the columns of the file and a last one that says what is wrong. Mend them and submit them
again: that last column is ignored.

Example:
  carillon job invalid-rows JOB_ID > to-mend.csv";

const CANCEL_HELP: &str = "\
What is with a provider already cannot be called back. A cancelled job cannot go on again.";

const PAUSE_HELP: &str = "\
What is with a provider already is not held back. `carillon job resume` lets it go on.";

const RETRY_HELP: &str = "\
Needs the administrator's token in ADMIN_TOKEN. Makes a job of the rows that failed, whose messages
are new ones. A row is taken up once: if it fails again, retry the job that this made.

Examples:
  carillon job retry-failed JOB_ID
  carillon job retry-failed JOB_ID --status permanent-failure";

/// What can be done with jobs.
#[derive(Subcommand)]
pub(crate) enum Job {
    /// Send a template to every row of a CSV file, through the API, as any client would
    #[command(after_help = SUBMIT_HELP)]
    Submit(submit::Submit),
    /// List jobs, newest first
    #[command(after_help = LIST_HELP)]
    List(list::List),
    /// Show a job and how far it is
    Show(show::Show),
    /// Watch a job until each of its rows has its end
    #[command(after_help = watch::HELP)]
    Watch(watch::Watch),
    /// List a job's rows, and what became of them
    #[command(after_help = ROWS_HELP)]
    Rows(rows::Rows),
    /// Print the rows that were left out of a job, as CSV
    #[command(after_help = INVALID_ROWS_HELP)]
    InvalidRows(invalid_rows::InvalidRows),
    /// Cancel a job: what is not sent yet never will be
    #[command(after_help = CANCEL_HELP)]
    Cancel(change::Change),
    /// Hold back what is not sent yet
    #[command(after_help = PAUSE_HELP)]
    Pause(change::Change),
    /// Let a job that was paused or could not go on, go on
    Resume(change::Change),
    /// Send the rows that failed again, as another job
    #[command(after_help = RETRY_HELP)]
    RetryFailed(retry::RetryFailed),
}

impl Job {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        match self {
            Self::Submit(command) => command.run(cx).await,
            Self::List(command) => command.run(cx).await,
            Self::Show(command) => command.run(cx).await,
            Self::Watch(command) => command.run(cx).await,
            Self::Rows(command) => command.run(cx).await,
            Self::InvalidRows(command) => command.run(cx).await,
            Self::Cancel(command) => command.run(cx, JobEvent::Cancelled).await,
            Self::Pause(command) => command.run(cx, JobEvent::Paused).await,
            Self::Resume(command) => command.run(cx, JobEvent::Resumed).await,
            Self::RetryFailed(command) => command.run(cx).await,
        }
    }
}

/// The job that a command is about.
#[derive(Args)]
pub(crate) struct OfJob {
    /// The job's id, as shown by `carillon job list`
    #[arg(value_name = "JOB_ID", value_parser = parse::id::<JobId>)]
    job_id: JobId,
}

impl OfJob {
    /// The context of an error about it.
    fn what(&self) -> String {
        format!("job {}", self.job_id)
    }

    async fn read(&self, store: &Store) -> anyhow::Result<job::Job> {
        job::read(store, self.job_id)
            .await
            .with_context(|| self.what())
    }
}
