//! Reading the ledger.

use std::collections::BTreeMap;

use carillon_core::id::ServiceId;
use carillon_core::job::JobStatus;
use carillon_core::lane::Lane;
use carillon_core::ledger::{self, Entry, JobLine, Line, Report};
use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Double, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use super::Found;
use crate::{Result, Store};

statement! {
    ReadState = "read_state.sql" {}
}
statement! {
    ReadEntries = "read_entries.sql" {
        since: DateTime<Utc> => Timestamptz,
        service_id: Option<ServiceId> => Nullable<SqlUuid>,
        lane: Option<Lane> => Nullable<Text>,
    }
}
statement! {
    ReadJobs = "read_jobs.sql" {
        since: DateTime<Utc> => Timestamptz,
        service_id: Option<ServiceId> => Nullable<SqlUuid>,
        lane: Option<Lane> => Nullable<Text>,
    }
}
statement! {
    ReadGauges = "read_gauges.sql" { since: DateTime<Utc> => Timestamptz }
}
statement! {
    ReadAges = "read_ages.sql" {}
}

/// What of the ledger is read.
#[derive(Debug, Clone, Copy)]
pub struct Filter {
    /// From the hour of this time on.
    pub since: DateTime<Utc>,
    /// Only this service's.
    pub service_id: Option<ServiceId>,
    /// Only of this lane.
    pub lane: Option<Lane>,
}

#[derive(diesel::QueryableByName)]
struct State {
    #[diesel(sql_type = Timestamptz)]
    checked_until: DateTime<Utc>,
}

#[derive(diesel::QueryableByName)]
struct Jobs {
    #[diesel(sql_type = SqlUuid)]
    service_id: ServiceId,
    #[diesel(sql_type = Text)]
    lane: Lane,
    #[diesel(sql_type = Text)]
    status: JobStatus,
    #[diesel(sql_type = Nullable<Text>)]
    status_reason: Option<String>,
    #[diesel(sql_type = BigInt)]
    n_jobs: i64,
    #[diesel(sql_type = BigInt)]
    n_rows: i64,
    #[diesel(sql_type = BigInt)]
    n_saved: i64,
}

/// The ledger by service and lane, with the sum of its lines.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn read(store: &Store, filter: Filter) -> Result<Report> {
    let since = ledger::hour_of(filter.since);
    let entries = ReadEntries {
        since,
        service_id: filter.service_id,
        lane: filter.lane,
    };
    let jobs = ReadJobs {
        since,
        service_id: filter.service_id,
        lane: filter.lane,
    };
    let mut conn = store.connection().await?;
    let state: Vec<State> = store.within_deadline(ReadState {}.load(&mut conn)).await?;
    let found: Vec<Found> = store.within_deadline(entries.load(&mut conn)).await?;
    let jobs: Vec<Jobs> = store.within_deadline(jobs.load(&mut conn)).await?;
    let mut lines: BTreeMap<(ServiceId, Lane), Line> = BTreeMap::new();
    for row in found {
        lines
            .entry((row.service_id, row.lane))
            .or_insert_with(|| Line::of(row.service_id, row.lane))
            .add(row.entry, &row.detail, row.n);
    }
    let checked_until = state.into_iter().map(|state| state.checked_until).next();
    let lines = lines.into_values().collect();
    Ok(Report::new(since, checked_until, lines, job_lines(jobs)))
}

fn job_lines(found: Vec<Jobs>) -> Vec<JobLine> {
    let mut lines: BTreeMap<(ServiceId, Lane), JobLine> = BTreeMap::new();
    for jobs in found {
        let line = lines
            .entry((jobs.service_id, jobs.lane))
            .or_insert_with(|| JobLine {
                service_id: jobs.service_id,
                lane: jobs.lane,
                jobs: 0,
                rows: 0,
                saved: 0,
                not_made: BTreeMap::new(),
                to_come: 0,
                missing: 0,
                adds_up: true,
            });
        line.jobs += jobs.n_jobs;
        line.rows += jobs.n_rows;
        line.saved += jobs.n_saved;
        let n_left = jobs.n_rows - jobs.n_saved;
        match jobs.status {
            _ if n_left == 0 => {}
            JobStatus::Finished => line.missing += n_left,
            status if status.is_settled() => {
                let reason = jobs.status_reason.unwrap_or_else(|| status.to_string());
                *line.not_made.entry(reason).or_default() += n_left;
            }
            _ => line.to_come += n_left,
        }
        line.adds_up = line.missing == 0;
    }
    lines.into_values().collect()
}

/// A number of the ledger, of all services together.
#[derive(Debug, Clone, PartialEq, Eq, diesel::QueryableByName)]
pub struct LaneGauge {
    /// The lane.
    #[diesel(sql_type = Text)]
    pub lane: Lane,
    /// What is counted.
    #[diesel(sql_type = Text)]
    pub entry: Entry,
    /// How many.
    #[diesel(sql_type = BigInt)]
    pub n: i64,
}

/// What is exported as metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct Gauges {
    /// By lane and entry; what is zero may be left out.
    pub lanes: Vec<LaneGauge>,
    /// How old what has been in an inbox for longest is; 0 if nothing is.
    pub in_inbox_seconds: f64,
    /// Until when every minute has been looked at, in seconds since 1970; none before the first check.
    pub checked_until: Option<f64>,
    /// Rows of finished jobs that are no notifications.
    pub n_job_rows_missing: i64,
}

#[derive(diesel::QueryableByName)]
struct Ages {
    #[diesel(sql_type = Double)]
    in_inbox_seconds: f64,
    #[diesel(sql_type = Nullable<Double>)]
    checked_until: Option<f64>,
}

/// The numbers since a time, for metrics.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn gauges(store: &Store, since: DateTime<Utc>) -> Result<Gauges> {
    let since = ledger::hour_of(since);
    let jobs = ReadJobs {
        since,
        service_id: None,
        lane: None,
    };
    let mut conn = store.connection().await?;
    let lanes = store
        .within_deadline(ReadGauges { since }.load(&mut conn))
        .await?;
    let ages: Ages = store
        .within_deadline(ReadAges {}.get_result(&mut conn))
        .await?;
    let jobs: Vec<Jobs> = store.within_deadline(jobs.load(&mut conn)).await?;
    Ok(Gauges {
        lanes,
        in_inbox_seconds: ages.in_inbox_seconds,
        checked_until: ages.checked_until,
        n_job_rows_missing: job_lines(jobs).iter().map(|line| line.missing).sum(),
    })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn every_row_of_a_job_is_saved_or_to_come_or_has_a_reason_or_is_missing() {
        let jobs = |status, reason: Option<&str>, n_saved| Jobs {
            service_id: ServiceId(Uuid::from_u128(1)),
            lane: Lane::Bulk,
            status,
            status_reason: reason.map(str::to_owned),
            n_jobs: 1,
            n_rows: 10,
            n_saved,
        };
        let lines = job_lines(vec![
            jobs(JobStatus::Finished, None, 10),
            jobs(JobStatus::InProgress, None, 4),
            jobs(JobStatus::Paused, Some("requested"), 7),
            jobs(JobStatus::Cancelled, Some("requested"), 2),
            jobs(JobStatus::LimitsExceeded, None, 0),
        ]);
        let line = &lines[0];
        assert_eq!((line.jobs, line.rows, line.saved), (5, 50, 23));
        assert_eq!((line.to_come, line.missing, line.adds_up), (9, 0, true));
        let not_made = [("requested", 8), ("sending limits exceeded", 10)];
        assert_eq!(
            line.not_made,
            not_made.map(|(why, n)| (why.to_owned(), n)).into()
        );
        let lost = job_lines(vec![jobs(JobStatus::Finished, None, 9)]);
        assert_eq!((lost[0].missing, lost[0].adds_up), (1, false));
    }
}
