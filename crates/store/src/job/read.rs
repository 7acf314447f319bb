//! Reading jobs.

use std::fmt;

use carillon_core::api_key::KeyType;
use carillon_core::channel::Channel;
use carillon_core::id::{ApiKeyId, JobId, NotificationId, SenderId, ServiceId, TemplateId};
use carillon_core::job::{JobStatus, RowChange};
use carillon_core::lane::Lane;
use carillon_core::notification::Status;
use carillon_schema::jobs;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    Statistics = "statistics.sql" {
        job_id: JobId => SqlUuid,
        lowest: NotificationId => SqlUuid,
        beyond: NotificationId => SqlUuid,
    }
}
statement! {
    CountSaved = "count_saved.sql" { job_id: JobId => SqlUuid }
}

/// A job as it is read.
#[derive(Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = jobs)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// The tenant.
    pub service_id: ServiceId,
    /// The template.
    pub template_id: TemplateId,
    /// Its version.
    pub template_version: i32,
    /// The key that made it.
    pub api_key_id: Option<ApiKeyId>,
    /// Its type.
    pub key_type: KeyType,
    /// The job whose failed rows these are.
    pub retry_of: Option<JobId>,
    /// The channel.
    pub channel: Channel,
    /// The lane of its rows.
    pub lane: Lane,
    /// Its name.
    pub name: String,
    /// The reply-to address or SMS sender that was named.
    pub sender_id: Option<SenderId>,
    /// Its value, or the default's.
    pub sender: Option<String>,
    /// Where it stands.
    pub status: JobStatus,
    /// Why, if it did not come there by itself.
    pub status_reason: Option<String>,
    /// What is still being done to its saved rows.
    pub row_change: Option<RowChange>,
    /// Rows that are to be sent.
    pub n_rows: i32,
    /// Rows of the file that were refused.
    pub n_invalid_rows: i32,
    /// Where its payload is.
    pub storage: String,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// When it is or was to start, if not at once.
    pub scheduled_for: Option<DateTime<Utc>>,
    /// When its first chunk was taken.
    pub started_at: Option<DateTime<Utc>>,
    /// When its last chunk was saved.
    pub finished_at: Option<DateTime<Utc>>,
}

// Without what people wrote: its name and whom its messages are from.
impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("id", &self.id)
            .field("service_id", &self.service_id)
            .field("status", &self.status)
            .field("status_reason", &self.status_reason)
            .field("row_change", &self.row_change)
            .field("n_rows", &self.n_rows)
            .finish_non_exhaustive()
    }
}

/// Which jobs a page holds.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this service's.
    pub service_id: Option<ServiceId>,
    /// Only in these statuses.
    pub statuses: Option<Vec<JobStatus>>,
    /// Only what is older than this job.
    pub older_than: Option<JobId>,
}

/// Reads a job of any tenant: the caller compares the service.
///
/// # Errors
/// [`crate::Error::Gone`] when there is none.
pub async fn read(store: &Store, id: JobId) -> Result<Job> {
    let mut conn = store.connection().await?;
    let select = jobs::table.find(id).select(Job::as_select());
    store.within_deadline(select.first(&mut conn)).await
}

/// A page of jobs, newest first.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn read_page(store: &Store, filter: &Filter, limit: i64) -> Result<Vec<Job>> {
    let mut select = jobs::table
        .select(Job::as_select())
        .order(jobs::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(service_id) = filter.service_id {
        select = select.filter(jobs::service_id.eq(service_id));
    }
    if let Some(statuses) = &filter.statuses {
        let names: Vec<&str> = statuses.iter().map(|status| status.as_str()).collect();
        select = select.filter(jobs::status.eq_any(names));
    }
    if let Some(id) = filter.older_than {
        select = select.filter(jobs::id.lt(id));
    }
    let mut conn = store.connection().await?;
    store.within_deadline(select.load(&mut conn)).await
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = Text)]
    status: Status,
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// How many of a job's rows are in each status; rows that are not saved yet are in none.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn statistics(store: &Store, job: &Job) -> Result<Vec<(Status, i64)>> {
    let Some(started_at) = job.started_at else {
        return Ok(Vec::new());
    };
    let (lowest, beyond) = super::span(started_at);
    let statement = Statistics {
        job_id: job.id,
        lowest,
        beyond,
    };
    let mut conn = store.connection().await?;
    let counts: Vec<Count> = store.within_deadline(statement.load(&mut conn)).await?;
    Ok(counts.into_iter().map(|row| (row.status, row.n)).collect())
}

#[derive(diesel::QueryableByName)]
struct Saved {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// How many of a job's rows are saved; 0 if there is no such job.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn count_saved(store: &Store, job_id: JobId) -> Result<i64> {
    let mut conn = store.connection().await?;
    let statement = CountSaved { job_id };
    let rows: Vec<Saved> = store.within_deadline(statement.load(&mut conn)).await?;
    Ok(rows.into_iter().map(|row| row.n).sum())
}
