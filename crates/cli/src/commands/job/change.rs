//! `carillon job cancel`, `pause` and `resume`.

use anyhow::{Context, bail};
use carillon_core::job::{JobEvent, JobReason, JobStatus};
use carillon_core::notification::Status;
use carillon_store::job;
use clap::Args;

use super::snapshot::Snapshot;
use super::{OfJob, facts, source};
use crate::cx::Cx;
use crate::format::Output;

#[derive(Args)]
pub(crate) struct Change {
    #[command(flatten)]
    of: OfJob,
    #[command(flatten)]
    output: Output,
}

impl Change {
    pub async fn run(self, cx: &Cx, event: JobEvent) -> anyhow::Result<String> {
        let store = cx.store()?;
        let job = self.of.read(&store).await?;
        let seen = source::of_database(&store, &job).await?;
        if let Some(why) = refusal(&seen, event) {
            bail!("{} {why}", self.of.what());
        }
        let reason = Some(JobReason::Requested);
        let has_moved = job::move_on(&store, job.id, event, reason)
            .await
            .with_context(|| self.of.what())?;
        let job = self.of.read(&store).await?;
        if !has_moved {
            bail!(
                "{} has changed meanwhile: it is {}",
                self.of.what(),
                job.status
            );
        }
        let seen = source::of_database(&store, &job).await?;
        let text = || format!("job {} is {}", job.id, job.status);
        self.output.render(text, facts::with_progress(&job, &seen))
    }
}

/// Why an event cannot happen to a job; `None` if it can.
fn refusal(seen: &Snapshot, event: JobEvent) -> Option<String> {
    if seen.status.on(event).is_none() {
        return Some(format!("is {}: it cannot be {event}", seen.status));
    }
    let n_unsent = seen.statistics.get(&Status::Created).copied();
    let is_all_sent = seen.status == JobStatus::Finished && n_unsent.unwrap_or_default() == 0;
    is_all_sent.then(|| "is finished, and all its rows are sent".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn refused(status: JobStatus, n_unsent: u64, event: JobEvent) -> Option<String> {
        let id = "0198c6a2-1111-7000-8000-000000000001";
        let seen = Snapshot {
            id: id.parse().expect("an id"),
            status,
            n_rows: 10,
            statistics: BTreeMap::from([
                (Status::Created, n_unsent),
                (Status::Delivered, 10 - n_unsent),
            ]),
        };
        refusal(&seen, event)
    }

    #[test]
    fn a_finished_job_can_be_stopped_while_rows_are_unsent() {
        for event in [JobEvent::Cancelled, JobEvent::Paused] {
            assert_eq!(refused(JobStatus::Finished, 1, event), None);
            let why = refused(JobStatus::Finished, 0, event).expect("refused");
            assert!(why.contains("all its rows are sent"), "{why}");
        }
    }

    #[test]
    fn what_does_not_go_with_the_status_is_refused() {
        let why = refused(JobStatus::Cancelled, 1, JobEvent::Resumed);
        assert_eq!(why.as_deref(), Some("is cancelled: it cannot be resumed"));
        assert_eq!(refused(JobStatus::Paused, 0, JobEvent::Resumed), None);
    }
}
