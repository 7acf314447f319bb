//! How far a job is at one moment.

use std::collections::BTreeMap;

use anyhow::Context;
use carillon_core::id::JobId;
use carillon_core::job::JobStatus;
use carillon_core::notification::Status;
use indicatif::HumanCount;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A job's status, and how many of its rows are in each status.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Snapshot {
    pub id: JobId,
    pub status: JobStatus,
    /// Rows that are to be sent.
    pub n_rows: u64,
    /// Rows that are not saved yet are in none.
    pub statistics: BTreeMap<Status, u64>,
}

/// Why nothing more is to be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Every row has its end.
    Done,
    /// The job was cancelled or cannot go on by itself.
    Stopped,
}

/// What of a job its service is told.
#[derive(Deserialize)]
struct Told {
    id: JobId,
    job_status: JobStatus,
    notification_count: u64,
    statistics: Vec<Counted>,
}

#[derive(Deserialize)]
struct Counted {
    status: Status,
    count: u64,
}

impl Snapshot {
    /// Of `GET /v2/notifications/bulk/{id}`.
    pub fn parse(answer: &Value) -> anyhow::Result<Self> {
        let job = answer.get("data").unwrap_or(answer);
        let told = Told::deserialize(job).context("the API's job cannot be read")?;
        Ok(Self {
            id: told.id,
            status: told.job_status,
            n_rows: told.notification_count,
            statistics: told
                .statistics
                .into_iter()
                .map(|counted| (counted.status, counted.count))
                .collect(),
        })
    }

    /// Whether there is nothing more to wait for. A row that is `sent` has its end: no receipt
    /// follows.
    pub fn end(&self) -> Option<End> {
        match self.status {
            JobStatus::Cancelled | JobStatus::Error | JobStatus::LimitsExceeded => {
                Some(End::Stopped)
            }
            JobStatus::Finished if self.n_ended() >= self.n_rows => Some(End::Done),
            _ => None,
        }
    }

    /// Rows that have their end.
    pub fn n_ended(&self) -> u64 {
        self.n_rows_that(Status::is_completed)
    }

    /// Rows that are saved, whatever became of them.
    pub fn n_saved(&self) -> u64 {
        self.n_rows_that(|_| true)
    }

    fn n_rows_that(&self, is_meant: impl Fn(Status) -> bool) -> u64 {
        let meant = self.statistics.iter();
        let meant = meant.filter(|(status, _)| is_meant(**status));
        meant.map(|(_, n)| n).sum()
    }

    /// `saved 5, sent 4, delivered 3, failed 1`; each includes what went further.
    pub fn counts(&self) -> String {
        let saved = self.n_saved();
        let sent = self.n_rows_that(|status| {
            !matches!(
                status,
                Status::Created | Status::Cancelled | Status::TechnicalFailure
            )
        });
        let delivered = self.n_rows_that(|status| status == Status::Delivered);
        let failed = self.n_rows_that(|status| {
            status.is_completed() && !matches!(status, Status::Delivered | Status::Sent)
        });
        let parts = [
            ("saved", saved),
            ("sent", sent),
            ("delivered", delivered),
            ("failed", failed),
        ];
        let parts = parts.map(|(name, n)| format!("{name} {}", HumanCount(n)));
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn snapshot(status: JobStatus, rows: &[(Status, u64)]) -> Snapshot {
        let id = "0198c6a2-1111-7000-8000-000000000001";
        Snapshot {
            id: id.parse().expect("an id"),
            status,
            n_rows: 10,
            statistics: rows.iter().copied().collect(),
        }
    }

    #[test]
    fn the_end_is_when_all_rows_have_theirs() {
        for (status, rows, end) in [
            (JobStatus::Finished, vec![(Status::Delivered, 9)], None),
            (
                JobStatus::Finished,
                vec![(Status::Delivered, 4), (Status::Sent, 6)],
                Some(End::Done),
            ),
            (
                JobStatus::Finished,
                vec![(Status::Delivered, 9), (Status::Sending, 1)],
                None,
            ),
            (JobStatus::InProgress, vec![(Status::Delivered, 10)], None),
            (JobStatus::Paused, vec![], None),
            (JobStatus::Cancelled, vec![], Some(End::Stopped)),
            (JobStatus::Error, vec![], Some(End::Stopped)),
            (JobStatus::LimitsExceeded, vec![], Some(End::Stopped)),
        ] {
            assert_eq!(snapshot(status, &rows).end(), end, "{status} {rows:?}");
        }
    }

    #[test]
    fn each_count_includes_what_went_further() {
        let rows = [
            (Status::Created, 1),
            (Status::Sending, 2),
            (Status::Delivered, 3),
            (Status::PermanentFailure, 1),
            (Status::TechnicalFailure, 1),
        ];
        let counts = snapshot(JobStatus::InProgress, &rows).counts();
        assert_eq!(counts, "saved 8, sent 6, delivered 3, failed 2");
    }

    #[test]
    fn what_the_service_is_told_is_read() {
        let whole = snapshot(JobStatus::InProgress, &[(Status::TemporaryFailure, 2)]);
        let answer = json!({ "data": {
            "id": whole.id,
            "job_status": "in progress",
            "notification_count": 10,
            "statistics": [{ "status": "temporary-failure", "count": 2 }],
            "template_type": "email",
        }});
        assert_eq!(Snapshot::parse(&answer).expect("a job"), whole);
        assert!(Snapshot::parse(&json!({ "result": "error" })).is_err());
    }
}
