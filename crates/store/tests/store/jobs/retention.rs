//! Removing jobs when their service keeps them no longer.

use std::time::Duration;

use carillon_core::channel::Channel;
use carillon_core::job::{JobEvent, JobStatus, RowChange};
use carillon_store::health;
use carillon_store::job::{NewJob, expired, remove_expired, rows_are_changed};

use super::given::{given_service, job};
use crate::given::Given;

const DAY: Duration = Duration::from_secs(86_400);

async fn keep(given: &Given, email_days: i32, sms_days: i32) {
    let keep = format!(
        "UPDATE services SET email_retention_days = {email_days}, sms_retention_days = {sms_days}"
    );
    given.database.execute(&keep).await;
}

/// The expired jobs, in no order, as where their payload is.
async fn expired_storages(given: &Given) -> Vec<String> {
    let found = expired(given, 100).await.expect("PostgreSQL answers");
    let mut storages: Vec<_> = found.into_iter().map(|(_, storage)| storage).collect();
    storages.sort();
    storages
}

#[tokio::test]
async fn jobs_are_kept_as_long_as_their_service_keeps_those_of_their_channel() {
    let given = given_service().await;
    keep(&given, 3, 10).await;
    for (channel, storage) in [(Channel::Email, "email"), (Channel::Sms, "sms")] {
        let job_id = given
            .create(NewJob {
                channel,
                storage: storage.to_owned(),
                ..job(1, 1)
            })
            .await;
        given.save_all(job_id).await;
    }
    given
        .database
        .execute("UPDATE jobs SET status = 'finished'")
        .await;
    let minute = Duration::from_secs(60);
    given.database.advance_clock(DAY * 3 - minute).await;
    assert_eq!(expired_storages(&given).await, [""; 0]);
    given.database.advance_clock(minute).await;
    assert_eq!(expired_storages(&given).await, ["email"]);
    keep(&given, 90, 10).await;
    assert_eq!(expired_storages(&given).await, [""; 0]);
    given.database.advance_clock(DAY * 7).await;
    assert_eq!(expired_storages(&given).await, ["sms"]);
    given.database.advance_clock(DAY * 80).await;
    assert_eq!(expired_storages(&given).await, ["email", "sms"]);
}

#[tokio::test]
async fn only_jobs_that_nothing_is_done_to_are_removed() {
    let given = given_service().await;
    for status in JobStatus::ALL {
        let job_id = given
            .create(NewJob {
                storage: status.to_string(),
                ..job(1, 1)
            })
            .await;
        let set = format!("UPDATE jobs SET status = '{status}' WHERE id = '{job_id}'");
        given.database.execute(&set).await;
    }
    given.database.advance_clock(DAY * 8).await;
    let mut ends = vec!["cancelled", "error", "finished", "paused"];
    ends.push("sending limits exceeded");
    assert_eq!(expired_storages(&given).await, ends);
}

#[tokio::test]
async fn a_job_whose_rows_are_still_to_be_changed_is_kept_until_they_are() {
    let given = given_service().await;
    let (job_id, _) = given.finished(1, 2).await;
    given.moved(job_id, JobEvent::Cancelled).await;
    given.database.advance_clock(DAY * 8).await;
    // Without it, nothing would say that its rows are not to be sent.
    assert_eq!(expired_storages(&given).await, [""; 0]);
    given.change(job_id, RowChange::Cancel, 100).await;
    rows_are_changed(&given, job_id, RowChange::Cancel)
        .await
        .unwrap();
    assert_eq!(expired_storages(&given).await, ["postgres"]);
}

#[tokio::test]
async fn the_time_of_a_scheduled_job_begins_when_it_was_to_start() {
    let given = given_service().await;
    let now = health::now(&given).await.unwrap();
    let job_id = given
        .create(NewJob {
            scheduled_for: Some(now + DAY * 4),
            ..job(1, 1)
        })
        .await;
    given.moved(job_id, JobEvent::Cancelled).await;
    rows_are_changed(&given, job_id, RowChange::Cancel)
        .await
        .unwrap();
    given.database.advance_clock(DAY * 10).await;
    assert_eq!(expired_storages(&given).await, [""; 0]);
    given.database.advance_clock(DAY + DAY / 24).await;
    assert_eq!(expired_storages(&given).await, ["postgres"]);
}

#[tokio::test]
async fn the_oldest_come_first_and_no_more_than_are_asked_for() {
    let given = given_service().await;
    let mut jobs = Vec::new();
    for _ in 0..3 {
        jobs.push(given.finished(1, 1).await.0);
    }
    given.database.advance_clock(DAY * 8).await;
    let found = expired(&given, 2).await.unwrap();
    let ids: Vec<_> = found.into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, jobs[..2]);
}

#[tokio::test]
async fn a_removed_job_takes_its_chunks_and_payload_along_and_leaves_its_messages() {
    let given = given_service().await;
    let (old, ids) = given.finished(3, 2).await;
    let (other, _) = given.finished(2, 2).await;
    assert_eq!(remove_expired(&given, &[old]).await.unwrap(), 1);
    assert_eq!(remove_expired(&given, &[old]).await.unwrap(), 0);
    assert_eq!(given.job_row(old).await, "gone");
    assert_eq!(
        given.job_row(other).await,
        "finished started finished open=0"
    );
    assert_eq!(given.count("job_chunks").await, 2);
    assert_eq!(given.count("job_payloads").await, 2);
    assert_eq!(given.count("notifications").await, 10);
    assert_eq!(given.row(ids[0]).await, "created attempts=0 on-its-way");
}
