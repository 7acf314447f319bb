//! `carillon job show`.

use carillon_store::job::Job;
use clap::Args;
use indicatif::HumanCount;

use super::snapshot::Snapshot;
use super::{OfJob, facts, source};
use crate::cx::Cx;
use crate::format::Output;
use crate::table::{or_dash, shown};

#[derive(Args)]
pub(crate) struct Show {
    #[command(flatten)]
    of: OfJob,
    #[command(flatten)]
    output: Output,
}

impl Show {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let store = cx.store()?;
        let job = self.of.read(&store).await?;
        let seen = source::of_database(&store, &job).await?;
        self.output
            .render(|| text(&job, &seen), facts::with_progress(&job, &seen))
    }
}

fn text(job: &Job, seen: &Snapshot) -> String {
    let time = |at: Option<_>| or_dash(at.map(facts::time));
    let facts = [
        ("id", job.id.to_string()),
        ("name", job.name.clone()),
        ("service", job.service_id.to_string()),
        (
            "template",
            format!("{} version {}", job.template_id, job.template_version),
        ),
        ("travels", format!("{}, {} lane", job.channel, job.lane)),
        ("status", facts::status(job)),
        ("rows", HumanCount(seen.n_rows).to_string()),
        ("so far", seen.counts()),
        ("left out", job.n_invalid_rows.to_string()),
        ("retry of", or_dash(job.retry_of)),
        ("accepted", facts::time(job.created_at)),
        ("scheduled for", time(job.scheduled_for)),
        ("started", time(job.started_at)),
        ("all saved", time(job.finished_at)),
    ];
    let by_status = seen.statistics.iter();
    let by_status = by_status.map(|(status, n)| (status.as_str(), HumanCount(*n).to_string()));
    facts
        .into_iter()
        .chain(by_status)
        .map(|(label, value)| format!("{label:<18} {}\n", shown(&value)))
        .collect()
}
