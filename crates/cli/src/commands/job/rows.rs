//! `carillon job rows`.

use anyhow::Context;
use carillon_core::notification::Status;
use carillon_store::Store;
use carillon_store::job::{self, Job, JobRowStatus, RowFilter};
use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};

use super::{OfJob, facts};
use crate::cx::Cx;
use crate::format::Output;
use crate::table::{Column, or_dash, table};

/// Rows read at a time.
const PAGE: usize = 5_000;
/// Stands for every failure, as in the API.
const FAILED: &str = "failed";

#[derive(Args)]
pub(crate) struct Rows {
    #[command(flatten)]
    of: OfJob,
    /// Only in this status, or `failed` for every failure; may be given several times
    #[arg(long, value_parser = status_names())]
    status: Vec<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    limit: usize,
    #[command(flatten)]
    output: Output,
}

impl Rows {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let store = cx.store()?;
        let job = self.of.read(&store).await?;
        let rows = self
            .read(&store, &job)
            .await
            .with_context(|| self.of.what())?;
        let json: Vec<Value> = rows.iter().map(row_json).collect();
        self.output.render(|| text(&rows), json!({ "rows": json }))
    }

    async fn read(&self, store: &Store, job: &Job) -> anyhow::Result<Vec<JobRowStatus>> {
        let names = self.status.iter();
        let statuses: Vec<Status> = names
            .filter_map(|name| Status::of_filter(name))
            .flatten()
            .collect();
        let mut filter = RowFilter {
            statuses: (!statuses.is_empty()).then_some(statuses),
            after: None,
        };
        let mut rows: Vec<JobRowStatus> = Vec::new();
        loop {
            let wanted = PAGE.min(self.limit.saturating_sub(rows.len()));
            let limit = i64::try_from(wanted).unwrap_or(i64::MAX);
            let page = job::read_rows(store, job, &filter, limit).await?;
            let is_last = page.len() < wanted || wanted == 0;
            rows.extend(page);
            if is_last {
                return Ok(rows);
            }
            filter.after = rows.last().map(|row| row.id);
        }
    }
}

fn row_json(row: &JobRowStatus) -> Value {
    json!({
        "row": row.number,
        "id": row.id,
        "status": row.status,
        "wait_reason": row.wait_reason,
        "recipient": row.recipient,
        "reference": row.reference,
        "sent_at": row.sent_at,
        "completed_at": row.completed_at,
    })
}

fn text(rows: &[JobRowStatus]) -> String {
    let columns = [
        Column::Right("ROW"),
        Column::Left("STATUS"),
        Column::Left("RECIPIENT"),
        Column::Left("REFERENCE"),
        Column::Left("ENDED"),
        Column::Left("WAITS FOR"),
        Column::Left("MESSAGE"),
    ];
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            [
                row.number.to_string(),
                row.status.to_string(),
                row.recipient.clone(),
                or_dash(row.reference.as_ref()),
                or_dash(row.completed_at.map(facts::time)),
                or_dash(row.wait_reason.as_ref()),
                row.id.to_string(),
            ]
        })
        .collect();
    table(columns, &rows)
}

fn status_names() -> PossibleValuesParser {
    let all = Status::ALL.iter().map(|status| status.as_str());
    PossibleValuesParser::new(all.chain([FAILED]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_is_offered_stands_for_statuses() {
        for name in Status::ALL.iter().map(|status| status.as_str()) {
            assert_eq!(Status::of_filter(name).map(|all| all.len()), Some(1));
        }
        assert!(Status::of_filter(FAILED).is_some_and(|all| all.len() > 1));
    }
}
