//! Removing jobs when their service keeps them no longer.

use std::time::Duration;

use carillon_core::channel::Channel;
use carillon_core::job::{JobEvent, JobStatus, RowChange};
use carillon_store::health;
use carillon_store::job::outside::{self, Stray};
use carillon_store::job::{
    NewJob, expired, finish, remove_expired, rows_are_changed, withdraw_expired,
};
use carillon_test_support::eventually;

use super::given::{given_service, job};
use crate::given::{Given, LEASE};

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
    let mut storages: Vec<_> = found.into_iter().map(|job| job.storage).collect();
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
    let ends = ["cancelled", "error", "finished", "sending limits exceeded"];
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
    let ids: Vec<_> = found.into_iter().map(|job| job.id).collect();
    assert_eq!(ids, jobs[..2]);
}

#[tokio::test]
async fn a_removed_job_takes_its_chunks_and_payload_along_and_leaves_its_messages() {
    let given = given_service().await;
    let (old, ids) = given.finished(3, 2).await;
    let (other, _) = given.finished(2, 2).await;
    let keep =
        format!("UPDATE jobs SET updated_at = updated_at + interval '1 day' WHERE id = '{other}'");
    given.database.execute(&keep).await;
    given.database.advance_clock(DAY * 7).await;
    assert!(remove_expired(&given, old).await.unwrap());
    assert!(!remove_expired(&given, old).await.unwrap());
    assert!(!remove_expired(&given, other).await.unwrap());
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

#[tokio::test]
async fn a_job_that_was_let_go_on_after_it_was_found_is_not_removed() {
    let given = given_service().await;
    let job_id = given.create(job(2, 1)).await;
    given.chunk(job_id).await;
    given.moved(job_id, JobEvent::Failed).await;
    given.database.advance_clock(DAY * 8).await;
    assert_eq!(expired_storages(&given).await, ["postgres"]);
    given.moved(job_id, JobEvent::Resumed).await;
    assert!(!remove_expired(&given, job_id).await.unwrap());
    // Nor when the removal waits for whoever does it.
    rows_are_changed(&given, job_id, RowChange::Release)
        .await
        .unwrap();
    given.moved(job_id, JobEvent::Failed).await;
    given.database.advance_clock(DAY * 10).await;
    assert_eq!(expired_storages(&given).await, ["postgres"]);
    let other = given.database.client().await;
    let resume = format!("BEGIN; UPDATE jobs SET status = 'in progress' WHERE id = '{job_id}'");
    other.batch_execute(&resume).await.unwrap();
    let resumed = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        eventually("the removal waits", LEASE, async || {
            (given.database.number(waiting).await > 0).then_some(())
        })
        .await;
        other.batch_execute("COMMIT").await.unwrap();
    };
    let (removed, ()) = tokio::join!(remove_expired(&given, job_id), resumed);
    assert!(!removed.unwrap());
    assert_eq!(given.save_all(job_id).await.len(), 2);
}

#[tokio::test]
async fn a_job_that_went_on_late_is_kept_from_then_on() {
    let given = given_service().await;
    let job_id = given.create(job(1, 1)).await;
    given.chunk(job_id).await;
    given.moved(job_id, JobEvent::Failed).await;
    given.database.advance_clock(DAY * 6).await;
    given.moved(job_id, JobEvent::Resumed).await;
    given.save_all(job_id).await;
    rows_are_changed(&given, job_id, RowChange::Release)
        .await
        .unwrap();
    assert!(finish(&given, job_id).await.unwrap());
    given.database.advance_clock(DAY * 7).await;
    assert_eq!(expired_storages(&given).await, [""; 0]);
    given.database.advance_clock(DAY * 2).await;
    assert_eq!(expired_storages(&given).await, ["postgres"]);
}

#[tokio::test]
async fn a_job_that_is_paused_for_too_long_ends_what_it_holds_before_it_goes() {
    let given = given_service().await;
    let (job_id, ids) = given.finished(1, 2).await;
    given.moved(job_id, JobEvent::Paused).await;
    given.change(job_id, RowChange::Hold, 100).await;
    rows_are_changed(&given, job_id, RowChange::Hold)
        .await
        .unwrap();
    given.database.advance_clock(DAY * 6).await;
    assert_eq!(withdraw_expired(&given).await.unwrap(), 0);
    given.database.advance_clock(DAY * 2).await;
    assert_eq!(withdraw_expired(&given).await.unwrap(), 1);
    assert_eq!(withdraw_expired(&given).await.unwrap(), 0);
    assert_eq!(
        given.job_row(job_id).await,
        "cancelled reason=expired change=cancel started finished to-send-on open=0"
    );
    assert_eq!(expired_storages(&given).await, [""; 0]);
    assert!(!remove_expired(&given, job_id).await.unwrap());
    assert_eq!(
        given.change(job_id, RowChange::Cancel, 100).await.n_changed,
        2
    );
    rows_are_changed(&given, job_id, RowChange::Cancel)
        .await
        .unwrap();
    assert_eq!(expired_storages(&given).await, ["postgres"]);
    assert!(remove_expired(&given, job_id).await.unwrap());
    assert_eq!(given.row(ids[0]).await, "cancelled attempts=0 completed");
}

async fn strays(given: &Given) -> Vec<Stray> {
    outside::strays(given, None, 100)
        .await
        .expect("PostgreSQL answers")
}

#[tokio::test]
async fn what_lies_outside_of_a_removed_job_is_noted_until_it_is_gone_too() {
    let given = given_service().await;
    let storage = "file:///objects";
    let mailing = NewJob {
        storage: storage.to_owned(),
        ..job(1, 1)
    };
    outside::note(&given, mailing.id, storage).await.unwrap();
    let job_id = given.create(mailing).await;
    given.moved(job_id, JobEvent::Cancelled).await;
    rows_are_changed(&given, job_id, RowChange::Cancel)
        .await
        .unwrap();
    given.database.advance_clock(DAY * 8).await;
    assert_eq!(strays(&given).await, [], "it is a job's");
    assert_eq!(given.count("job_payloads_outside").await, 0);
    assert!(remove_expired(&given, job_id).await.unwrap());
    let stray = Stray {
        id: job_id,
        storage: storage.to_owned(),
    };
    assert_eq!(strays(&given).await, [stray]);
    outside::forget(&given, job_id).await.unwrap();
    assert_eq!(strays(&given).await, []);
}

#[tokio::test]
async fn what_was_stored_for_a_job_that_was_never_made_is_found_after_a_while() {
    let given = given_service().await;
    let ids: Vec<_> = (0..3).map(|_| job(1, 1).id).collect();
    for id in &ids {
        outside::note(&given, *id, "s3://mailings").await.unwrap();
    }
    given
        .database
        .advance_clock(Duration::from_secs(3_000))
        .await;
    assert_eq!(strays(&given).await, []);
    given.database.advance_clock(Duration::from_secs(700)).await;
    let found: Vec<_> = strays(&given).await.into_iter().map(|job| job.id).collect();
    assert_eq!(found, ids);
    let page = outside::strays(&given, Some(ids[0]), 1).await.unwrap();
    assert_eq!(page[0].id, ids[1]);
}
