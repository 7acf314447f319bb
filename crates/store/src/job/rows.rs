//! Reading the rows of a job.

use std::fmt;

use carillon_core::bulk::JobRow;
use carillon_core::id::{JobId, NotificationId};
use carillon_core::notification::Status;
use chrono::{DateTime, Utc};
use diesel::sql_types::{
    Array, BigInt, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::Job;
use crate::{Result, Store};

statement! {
    ReadRows = "rows.sql" {
        job_id: JobId => SqlUuid,
        after: NotificationId => SqlUuid,
        beyond: NotificationId => SqlUuid,
        statuses: Option<Vec<Status>> => Nullable<Array<Text>>,
        limit: i64 => BigInt,
    }
}
statement! {
    ReadFailedRows = "failed_rows.sql" {
        job_id: JobId => SqlUuid,
        after: NotificationId => SqlUuid,
        beyond: NotificationId => SqlUuid,
        statuses: Vec<Status> => Array<Text>,
        limit: i64 => BigInt,
    }
}

/// Which rows a page holds.
#[derive(Debug, Clone, Default)]
pub struct RowFilter {
    /// Only in these statuses.
    pub statuses: Option<Vec<Status>>,
    /// Only rows after this one.
    pub after: Option<NotificationId>,
}

/// A row of a job, and what became of it.
#[derive(Clone, diesel::QueryableByName)]
pub struct JobRowStatus {
    /// Its notification.
    #[diesel(sql_type = SqlUuid)]
    pub id: NotificationId,
    /// Its number in the file, from 1.
    #[diesel(sql_type = Integer)]
    pub number: i32,
    /// Where it stands.
    #[diesel(sql_type = Text)]
    pub status: Status,
    /// Why it waits, if it does.
    #[diesel(sql_type = Nullable<Text>)]
    pub wait_reason: Option<String>,
    /// The recipient as given.
    #[diesel(sql_type = Text)]
    pub recipient: String,
    /// The row's reference.
    #[diesel(sql_type = Nullable<Text>)]
    pub reference: Option<String>,
    /// When a provider took it.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub sent_at: Option<DateTime<Utc>>,
    /// When its status became final.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub completed_at: Option<DateTime<Utc>>,
}

/// A page of a job's saved rows, in the order of the file.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn read_rows(
    store: &Store,
    job: &Job,
    filter: &RowFilter,
    limit: i64,
) -> Result<Vec<JobRowStatus>> {
    let Some((after, beyond)) = bounds(job, filter.after) else {
        return Ok(Vec::new());
    };
    let read = ReadRows {
        job_id: job.id,
        after,
        beyond,
        statuses: filter.statuses.clone(),
        limit,
    };
    let mut conn = store.connection().await?;
    store.within_deadline(read.load(&mut conn)).await
}

#[derive(diesel::QueryableByName)]
struct Failed {
    #[diesel(sql_type = SqlUuid)]
    id: NotificationId,
    #[diesel(sql_type = Integer)]
    number: i32,
    #[diesel(sql_type = Text)]
    recipient: String,
    #[diesel(sql_type = Text)]
    normalised_recipient: String,
    #[diesel(sql_type = Nullable<Text>)]
    reference: Option<String>,
    #[diesel(sql_type = Jsonb)]
    personalisation: Value,
}

/// A row that failed, whole, so that another job may send it again.
#[derive(Clone)]
pub struct FailedRow {
    /// Its notification: where the next page begins.
    pub id: NotificationId,
    /// The row as the file had it.
    pub row: JobRow,
}

// Which it is and not what it says.
impl fmt::Debug for FailedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailedRow")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A page of a job's rows in one of the statuses, after a notification, in the order of the file.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn read_failed_rows(
    store: &Store,
    job: &Job,
    statuses: &[Status],
    after: Option<NotificationId>,
    limit: i64,
) -> Result<Vec<FailedRow>> {
    let Some((after, beyond)) = bounds(job, after) else {
        return Ok(Vec::new());
    };
    let read = ReadFailedRows {
        job_id: job.id,
        after,
        beyond,
        statuses: statuses.to_vec(),
        limit,
    };
    let mut conn = store.connection().await?;
    let rows: Vec<Failed> = store.within_deadline(read.load(&mut conn)).await?;
    Ok(rows.into_iter().map(Failed::into_row).collect())
}

impl Failed {
    fn into_row(self) -> FailedRow {
        let values = match self.personalisation {
            Value::Object(values) => values,
            _ => serde_json::Map::new(),
        };
        FailedRow {
            id: self.id,
            row: JobRow {
                number: u32::try_from(self.number).unwrap_or(0),
                recipient: self.recipient,
                normalised: self.normalised_recipient,
                reference: self.reference,
                values,
            },
        }
    }
}

/// Between which ids the rows lie, both exclusive; none while nothing is saved.
fn bounds(job: &Job, after: Option<NotificationId>) -> Option<(NotificationId, NotificationId)> {
    let (lowest, beyond) = super::span(job.started_at?);
    Some((after.map_or(lowest, |after| after.max(lowest)), beyond))
}
