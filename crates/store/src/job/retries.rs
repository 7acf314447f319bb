//! What was sent again of a job already.

use std::collections::HashSet;

use carillon_core::id::{JobId, NotificationId};
use carillon_core::job::JobStatus;
use carillon_core::notification::Status;
use carillon_schema::jobs;
use diesel::prelude::*;
use diesel::sql_types::{Integer, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use super::Job;
use crate::{Result, Store};

statement! {
    TakenUp = "taken_up.sql" {
        job_id: JobId => SqlUuid,
        lowest: NotificationId => SqlUuid,
        beyond: NotificationId => SqlUuid,
        cancelled: Status => Text,
    }
}

/// The jobs that sent failed rows of another again.
#[derive(Debug, Clone, Default)]
pub struct Retries {
    /// How many there are.
    pub n: usize,
    /// One that may still take up rows.
    pub open: Option<JobId>,
    /// The numbers of the rows that were taken up, unless they were cancelled before they were sent.
    pub rows: HashSet<u32>,
}

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    number: i32,
}

/// What was sent again of a job.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn retries(store: &Store, job: &Job) -> Result<Retries> {
    let mut conn = store.connection().await?;
    let select = jobs::table
        .filter(jobs::service_id.eq(job.service_id))
        .filter(jobs::retry_of.eq(job.id))
        .select(Job::as_select());
    let made: Vec<Job> = store.within_deadline(select.load(&mut conn)).await?;
    let is_open = |job: &&Job| !matches!(job.status, JobStatus::Finished | JobStatus::Cancelled);
    let mut retries = Retries {
        n: made.len(),
        open: made.iter().find(is_open).map(|job| job.id),
        rows: HashSet::new(),
    };
    for (id, started_at) in made
        .iter()
        .filter_map(|job| Some((job.id, job.started_at?)))
    {
        let (lowest, beyond) = super::span(started_at);
        let statement = TakenUp {
            job_id: id,
            lowest,
            beyond,
            cancelled: Status::Cancelled,
        };
        let rows: Vec<Row> = store.within_deadline(statement.load(&mut conn)).await?;
        let numbers = rows.iter().filter_map(|row| u32::try_from(row.number).ok());
        retries.rows.extend(numbers);
    }
    Ok(retries)
}
