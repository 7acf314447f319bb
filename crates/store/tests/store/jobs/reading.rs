//! Reading jobs and what became of their rows.

use std::collections::HashSet;
use std::time::Duration;

use carillon_core::id::{self, JobId, ServiceId};
use carillon_core::job::{JobEvent, JobStatus, RowChange};
use carillon_core::notification::Status;
use carillon_core::receipt::ReceiptKind;
use carillon_store::job::{
    Filter, Job, NewJob, RowFilter, backlog, count_saved, finish, read, read_failed_rows,
    read_page, read_rows, retries, statistics,
};
use carillon_store::notification::apply_receipts;
use carillon_store::{Error, health};

use super::given::{given_service, job, job_of, row};
use crate::given::{Given, receipt, service};

/// Five rows, numbered with a gap; the first delivered, the last two failed.
async fn mixed(given: &Given) -> Job {
    let job_id = given.create(job_of(&[&[1, 2, 5], &[6, 7]])).await;
    let ids = given.save_all(job_id).await;
    let receipts = [
        receipt(ids[0], ReceiptKind::Delivered, "a"),
        receipt(ids[3], ReceiptKind::TemporaryFailure, "b"),
        receipt(ids[4], ReceiptKind::PermanentFailure, "c"),
    ];
    for one in receipts {
        apply_receipts(given, &[one])
            .await
            .expect("PostgreSQL answers");
    }
    read(given, job_id).await.expect("it is there")
}

#[tokio::test]
async fn a_job_that_is_not_there_cannot_be_read() {
    let given = given_service().await;
    let gone = read(&given, JobId(id::mint())).await;
    assert!(matches!(gone, Err(Error::Gone)), "{gone:?}");
}

#[tokio::test]
async fn a_page_of_jobs_is_the_newest_of_a_service_in_the_statuses_asked_for() {
    let given = given_service().await;
    let stranger = service("stranger");
    carillon_store::service::create(&given, &stranger, "Stranger")
        .await
        .unwrap();
    let mut jobs = Vec::new();
    for _ in 0..4 {
        jobs.push(given.create(job(1, 1)).await);
    }
    let foreign = NewJob {
        service_id: stranger.id,
        ..job(1, 1)
    };
    let foreign = given.create(foreign).await;
    given.moved(jobs[2], JobEvent::Cancelled).await;
    let page = async |filter: Filter, limit| -> Vec<JobId> {
        let page = read_page(&given, &filter, limit).await.unwrap();
        page.into_iter().map(|job| job.id).collect()
    };
    let ours = Filter {
        service_id: Some(ServiceId(uuid::Uuid::from_u128(1))),
        ..Filter::default()
    };
    assert_eq!(
        page(Filter::default(), 100).await,
        [foreign, jobs[3], jobs[2], jobs[1], jobs[0]]
    );
    assert_eq!(page(ours.clone(), 2).await, [jobs[3], jobs[2]]);
    let older = Filter {
        older_than: Some(jobs[2]),
        ..ours.clone()
    };
    assert_eq!(page(older, 100).await, [jobs[1], jobs[0]]);
    let with = |statuses: &[JobStatus]| Filter {
        statuses: Some(statuses.to_vec()),
        ..ours.clone()
    };
    assert_eq!(page(with(&[JobStatus::Cancelled]), 9).await, [jobs[2]]);
    assert_eq!(page(with(&[]), 9).await, []);
    let most = with(&[JobStatus::Cancelled, JobStatus::Pending]);
    assert_eq!(page(most, 9).await.len(), 4);
}

#[tokio::test]
async fn before_anything_is_saved_there_are_no_rows() {
    let given = given_service().await;
    let pending = given.create(job(1, 3)).await;
    let started = given.create(job(1, 3)).await;
    given.chunk(started).await;
    for job_id in [pending, started] {
        let job = read(&given, job_id).await.unwrap();
        assert_eq!(statistics(&given, &job).await.unwrap(), []);
        let rows = read_rows(&given, &job, &RowFilter::default(), 9).await;
        assert!(rows.unwrap().is_empty());
        let failed = read_failed_rows(&given, &job, Status::ALL, None, 9).await;
        assert!(failed.unwrap().is_empty());
    }
}

#[tokio::test]
async fn statistics_count_the_saved_rows_of_that_job_in_each_status() {
    let given = given_service().await;
    let job = mixed(&given).await;
    let (_, _) = given.finished(1, 4).await;
    let mut counts = statistics(&given, &job).await.unwrap();
    counts.sort_by_key(|(status, _)| status.as_str());
    assert_eq!(
        counts,
        [
            (Status::Created, 2),
            (Status::Delivered, 1),
            (Status::PermanentFailure, 1),
            (Status::TemporaryFailure, 1),
        ]
    );
}

#[tokio::test]
async fn rows_are_read_in_the_order_of_the_file_page_by_page() {
    let given = given_service().await;
    let job = mixed(&given).await;
    let mut filter = RowFilter::default();
    let mut numbers = Vec::new();
    for expected in [2, 2, 1, 0] {
        let page = read_rows(&given, &job, &filter, 2).await.unwrap();
        assert_eq!(page.len(), expected);
        numbers.extend(page.iter().map(|row| row.number));
        filter.after = page.last().map_or(filter.after, |row| Some(row.id));
    }
    assert_eq!(numbers, [1, 2, 5, 6, 7]);
    let all = read_rows(&given, &job, &RowFilter::default(), 9)
        .await
        .unwrap();
    assert_eq!(all[0].status, Status::Delivered);
    assert!(all[0].completed_at.is_some());
    assert_eq!(all[1].status, Status::Created);
    assert_eq!(all[1].recipient, row(2).recipient);
    assert_eq!(all[1].reference, row(2).reference);
    assert_eq!((all[1].completed_at, all[1].sent_at), (None, None));
    let filter = RowFilter {
        statuses: Some(vec![Status::Created, Status::Delivered]),
        after: Some(all[0].id),
    };
    let rest = read_rows(&given, &job, &filter, 9).await.unwrap();
    let numbers: Vec<_> = rest.iter().map(|row| row.number).collect();
    assert_eq!(numbers, [2, 5]);
}

#[tokio::test]
async fn a_row_that_waits_says_why() {
    let given = given_service().await;
    let (job_id, _) = given.finished(1, 1).await;
    given.moved(job_id, JobEvent::Paused).await;
    given.change(job_id, RowChange::Hold, 9).await;
    let job = read(&given, job_id).await.unwrap();
    let rows = read_rows(&given, &job, &RowFilter::default(), 9)
        .await
        .unwrap();
    assert_eq!(rows[0].wait_reason.as_deref(), Some("job-paused"));
}

#[tokio::test]
async fn failed_rows_are_read_as_the_file_had_them() {
    let given = given_service().await;
    let job = mixed(&given).await;
    let failures = [Status::TemporaryFailure, Status::PermanentFailure];
    let failed = read_failed_rows(&given, &job, &failures, None, 9)
        .await
        .unwrap();
    let rows: Vec<_> = failed.iter().map(|failed| failed.row.clone()).collect();
    assert_eq!(rows, [row(6), row(7)]);
    let first = read_failed_rows(&given, &job, &failures, None, 1)
        .await
        .unwrap();
    let rest = read_failed_rows(&given, &job, &failures, Some(first[0].id), 9)
        .await
        .unwrap();
    assert_eq!((first[0].id, rest[0].id), (failed[0].id, failed[1].id));
    let none = read_failed_rows(&given, &job, &[Status::Cancelled], None, 9).await;
    assert!(none.unwrap().is_empty());
}

#[tokio::test]
async fn rows_of_another_job_that_started_at_the_same_moment_are_not_read() {
    let given = given_service().await;
    let job = mixed(&given).await;
    let other = given.create(super::given::job(1, 9)).await;
    let same_start = format!(
        "UPDATE jobs SET started_at = (SELECT started_at FROM jobs WHERE id = '{}') WHERE id = '{other}'",
        job.id
    );
    given.database.execute(&same_start).await;
    given.save_all(other).await;
    let n: i64 = statistics(&given, &job)
        .await
        .unwrap()
        .iter()
        .map(|(_, n)| n)
        .sum();
    assert_eq!(n, 5);
    let rows = read_rows(&given, &job, &RowFilter::default(), 99).await;
    assert_eq!(rows.unwrap().len(), 5);
    let failed = read_failed_rows(&given, &job, Status::ALL, None, 99).await;
    assert_eq!(failed.unwrap().len(), 5);
}

#[tokio::test]
async fn saved_rows_are_counted_chunk_by_chunk() {
    let given = given_service().await;
    let job_id = given.create(job_of(&[&[1, 2, 5], &[6, 7]])).await;
    assert_eq!(count_saved(&given, job_id).await.unwrap(), 0);
    given.save_rows(&given.chunk(job_id).await).await;
    assert_eq!(count_saved(&given, job_id).await.unwrap(), 3);
    given.save_all(job_id).await;
    assert_eq!(count_saved(&given, job_id).await.unwrap(), 5);
    let nobody_s = JobId(id::mint());
    assert_eq!(count_saved(&given, nobody_s).await.unwrap(), 0);
}

#[tokio::test]
async fn the_backlog_is_what_is_due_and_not_saved() {
    let given = given_service().await;
    let nothing = backlog(&given).await.unwrap();
    assert_eq!((nothing.n_jobs, nothing.n_rows), (0, 0));
    assert_eq!(nothing.overdue_seconds, 0.0);
    let hour = Duration::from_secs(3_600);
    let now = health::now(&given).await.unwrap();
    given
        .create(NewJob {
            scheduled_for: Some(now + hour * 2),
            ..job(1, 9)
        })
        .await;
    given.finished(1, 5).await;
    let cancelled = given.create(job(1, 9)).await;
    given.moved(cancelled, JobEvent::Cancelled).await;
    given.create(job(1, 4)).await;
    let half = given.create(job(2, 3)).await;
    given.save_rows(&given.chunk(half).await).await;
    given.database.advance_clock(hour).await;
    let backlog = backlog(&given).await.unwrap();
    assert_eq!((backlog.n_jobs, backlog.n_rows), (2, 4 + 3));
    let about_an_hour = 3_600.0..3_660.0;
    assert!(about_an_hour.contains(&backlog.overdue_seconds));
}

#[tokio::test]
async fn rows_that_another_job_took_up_are_known_unless_they_were_cancelled_unsent() {
    let given = given_service().await;
    let job = mixed(&given).await;
    let none = retries(&given, &job).await.unwrap();
    assert_eq!((none.n, none.open, none.rows.len()), (0, None, 0));
    given.finished(1, 2).await;
    let again = |numbers: &[u32]| NewJob {
        retry_of: Some(job.id),
        name: format!("November, {numbers:?}"),
        ..job_of(&[numbers])
    };
    let first = given.create(again(&[6])).await;
    let open = retries(&given, &job).await.unwrap();
    assert_eq!((open.n, open.open, open.rows.len()), (1, Some(first), 0));
    given.save_all(first).await;
    finish(&given, first).await.unwrap();
    let second = given.create(again(&[7])).await;
    given.save_all(second).await;
    let taken_up = retries(&given, &job).await.unwrap();
    assert_eq!((taken_up.n, taken_up.open), (2, Some(second)));
    assert_eq!(taken_up.rows, HashSet::from([6, 7]));
    given.moved(second, JobEvent::Cancelled).await;
    given.change(second, RowChange::Cancel, 9).await;
    let taken_up = retries(&given, &job).await.unwrap();
    assert_eq!((taken_up.n, taken_up.open), (2, None));
    assert_eq!(taken_up.rows, HashSet::from([6]));
}
