//! `carillon job list`.

use carillon_core::job::JobStatus;
use carillon_store::Store;
use carillon_store::job::{self, Filter, Job};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use indicatif::HumanCount;
use serde_json::{Value, json};

use super::facts;
use crate::commands::service::OnlyService;
use crate::cx::Cx;
use crate::format::Output;
use crate::table::{Column, table};

/// Jobs read at a time.
const PAGE: usize = 500;

#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    service: OnlyService,
    /// Only in this status; may be given several times
    #[arg(long, value_parser = status())]
    status: Vec<JobStatus>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    output: Output,
}

impl List {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let store = cx.store()?;
        self.service.must_exist(&store).await?;
        let jobs = self.read(&store).await?;
        let json: Vec<Value> = jobs.iter().map(facts::json).collect();
        self.output.render(|| list(&jobs), json!({ "jobs": json }))
    }

    async fn read(&self, store: &Store) -> anyhow::Result<Vec<Job>> {
        let mut filter = Filter {
            service_id: self.service.id,
            statuses: (!self.status.is_empty()).then(|| self.status.clone()),
            older_than: None,
        };
        let mut jobs: Vec<Job> = Vec::new();
        loop {
            let wanted = PAGE.min(self.limit.saturating_sub(jobs.len()));
            let limit = i64::try_from(wanted).unwrap_or(i64::MAX);
            let page = job::read_page(store, &filter, limit).await?;
            let is_last = page.len() < wanted || wanted == 0;
            jobs.extend(page);
            if is_last {
                return Ok(jobs);
            }
            filter.older_than = jobs.last().map(|job| job.id);
        }
    }
}

fn list(jobs: &[Job]) -> String {
    let columns = [
        Column::Left("ID"),
        Column::Left("CREATED"),
        Column::Left("CHANNEL"),
        Column::Right("ROWS"),
        Column::Left("STATUS"),
        Column::Left("NAME"),
    ];
    let rows: Vec<_> = jobs
        .iter()
        .map(|job| {
            [
                job.id.to_string(),
                facts::time(job.created_at),
                job.channel.to_string(),
                HumanCount(u64::try_from(job.n_rows).unwrap_or_default()).to_string(),
                facts::status(job),
                job.name.clone(),
            ]
        })
        .collect();
    table(columns, &rows)
}

fn status() -> impl TypedValueParser<Value = JobStatus> {
    PossibleValuesParser::new(JobStatus::ALL.iter().map(|status| status.as_str()))
        .try_map(|text| text.parse::<JobStatus>())
}
