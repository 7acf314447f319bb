//! Saving chunks: the rows and the fact that they are saved are one.

use std::time::Duration;

use carillon_core::id::NotificationId;
use carillon_core::job::JobEvent;
use carillon_store::job::{finish, save_chunk};
use carillon_store::notification::{claim, read_many};
use carillon_store::{Error, partition};
use futures::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use super::given::{given_service, job, job_of, row};
use crate::given::LEASE;

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn the_rows_of_a_chunk_are_accepted_messages_with_ids_of_job_and_row() {
    let given = given_service().await;
    let job_id = given.create(job_of(&[&[1, 2, 7], &[8]])).await;
    let chunk = given.chunk(job_id).await;
    let saved = given.save_rows(&chunk).await;
    assert_eq!((saved.is_ours, saved.n_new, saved.n_open), (true, 3, 1));
    let expected: Vec<_> = [1, 2, 7]
        .map(|number| NotificationId::of_job_row(job_id, chunk.started_at, number))
        .to_vec();
    assert_eq!(saved.ids, expected);
    for id in &expected {
        assert_eq!(given.row(*id).await, "created attempts=0 on-its-way");
        assert_eq!(given.timeline(*id).await, ["accepted"]);
    }
    let read = read_many(&given, &expected[1..2]).await.unwrap().remove(0);
    let row = row(2);
    assert_eq!(read.recipient, row.recipient);
    assert_eq!(read.reference, row.reference);
    assert_eq!(read.personalisation, Value::Object(row.values));
    assert_eq!(read.created_at, chunk.started_at);
    let ours = format!(
        "notifications WHERE job_id = '{job_id}' AND job_row IN (1, 2, 7) AND origin = 'job'
         AND queue = '{}' AND dispatched_at IS NOT NULL",
        chunk.queue
    );
    assert_eq!(given.count(&ours).await, 3);
    let claimed = claim(&given, &expected, Uuid::new_v4(), LEASE).await;
    let mut recipients: Vec<_> = claimed
        .unwrap()
        .into_iter()
        .map(|claimed| claimed.normalised_recipient)
        .collect();
    recipients.sort();
    let normalised = [1, 2, 7].map(|number| super::given::row(number).normalised);
    assert_eq!(recipients, normalised);
}

#[tokio::test]
async fn a_chunk_saved_again_under_the_same_token_makes_nothing_new() {
    let given = given_service().await;
    let job_id = given.create(job(2, 5)).await;
    let token = Uuid::new_v4();
    let chunk = given.claim_under(job_id, token).await.chunk.unwrap();
    let first = given.save_rows(&chunk).await;
    for _ in 0..2 {
        let again = given.claim_under(job_id, token).await.chunk.unwrap();
        let saved = given.save_rows(&again).await;
        assert_eq!((saved.is_ours, saved.n_new, saved.n_open), (true, 0, 1));
        assert_eq!(saved.ids, first.ids);
    }
    assert_eq!(given.count("notifications").await, 5);
    assert_eq!(given.count("notification_events").await, 5);
}

#[tokio::test]
async fn whoever_lost_a_chunk_saves_nothing() {
    let given = given_service().await;
    let job_id = given.create(job(1, 3)).await;
    let slow = given.chunk(job_id).await;
    given.database.advance_clock(LEASE * 2).await;
    let other = given.chunk(job_id).await;
    let late = given.save_rows(&slow).await;
    assert_eq!((late.is_ours, late.n_new), (false, 0));
    assert_eq!(given.count("notifications").await, 0);
    assert!(given.save_rows(&other).await.is_ours);
    let late = given.save_rows(&slow).await;
    assert_eq!((late.is_ours, late.n_new, late.n_open), (false, 0, 0));
    assert_eq!(given.count("notifications").await, 3);
}

#[tokio::test]
async fn a_chunk_that_nobody_took_over_is_saved_after_its_lease() {
    let given = given_service().await;
    let job_id = given.create(job(1, 3)).await;
    let slow = given.chunk(job_id).await;
    given.database.advance_clock(LEASE * 2).await;
    let saved = given.save_rows(&slow).await;
    assert_eq!((saved.is_ours, saved.n_new), (true, 3));
    assert!(given.try_chunk(job_id).await.is_none());
}

#[tokio::test]
async fn a_job_that_was_stopped_after_the_claim_gets_no_rows() {
    let given = given_service().await;
    for stop in [
        JobEvent::Paused,
        JobEvent::Cancelled,
        JobEvent::LimitsExceeded,
        JobEvent::Failed,
    ] {
        let job_id = given.create(job(2, 3)).await;
        let chunk = given.chunk(job_id).await;
        given.moved(job_id, stop).await;
        let saved = given.save_rows(&chunk).await;
        assert_eq!((saved.is_ours, saved.n_new), (false, 0), "{stop}");
        assert_eq!(given.count("notifications").await, 0, "{stop}");
        let open = given.job_row(job_id).await;
        assert!(open.ends_with("open=2"), "{stop}: {open}");
    }
}

#[tokio::test]
async fn a_job_that_goes_on_saves_what_was_open_once() {
    let given = given_service().await;
    let job_id = given.create(job(3, 2)).await;
    let saved = given.chunk(job_id).await;
    given.save_rows(&saved).await;
    let stopped = given.chunk(job_id).await;
    given.moved(job_id, JobEvent::Paused).await;
    assert!(!given.save_rows(&stopped).await.is_ours);
    given.moved(job_id, JobEvent::Resumed).await;
    // It is in nobody's hands, and no lease need end first.
    assert!(!given.save_rows(&stopped).await.is_ours);
    assert_eq!(given.chunk(job_id).await.chunk, stopped.chunk);
    given.database.advance_clock(LEASE * 2).await;
    given.save_all(job_id).await;
    assert!(finish(&given, job_id).await.unwrap());
    assert_eq!(given.count("notifications").await, 6);
}

#[tokio::test]
async fn the_partitions_of_the_day_on_which_a_job_starts_are_made_on_the_way() {
    let given = given_service().await;
    given.database.advance_clock(DAY * 400).await;
    let job_id = given.create(job(2, 2)).await;
    let ids = given.save_all(job_id).await;
    assert_eq!(ids.len(), 4);
    for id in &ids {
        assert_eq!(given.timeline(*id).await, ["accepted"]);
    }
    let day = ids[0].day().expect("a time is in it");
    assert!(!partition::ensure_day(&given, day).await.unwrap());
}

#[tokio::test]
async fn a_row_that_postgresql_never_takes_leaves_its_chunk_open_and_nothing_saved() {
    let given = given_service().await;
    let job_id = given.create(job(1, 3)).await;
    let chunk = given.chunk(job_id).await;
    let good = given.rows_of(&chunk).await;
    let poisons = [
        |row: &mut carillon_core::bulk::JobRow| row.recipient = "a\0b".to_owned(),
        |row: &mut carillon_core::bulk::JobRow| row.reference = Some("\0".to_owned()),
        |row: &mut carillon_core::bulk::JobRow| {
            row.values.insert("x".to_owned(), json!("a\0b"));
        },
    ];
    for poison in poisons {
        let mut rows = good.clone();
        poison(&mut rows[2]);
        let refused = save_chunk(&given, &chunk, &rows).await;
        assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
        assert_eq!(given.count("notifications").await, 0);
        assert_eq!(given.job_row(job_id).await, "in progress started open=1");
    }
    assert_eq!(given.save_rows(&chunk).await.n_new, 3);
}

#[tokio::test]
async fn rows_that_cannot_be_written_leave_their_chunk_open() {
    let given = given_service().await;
    let job_id = given.create(job(1, 3)).await;
    let chunk = given.chunk(job_id).await;
    // The timeline is written last.
    given
        .database
        .execute(
            "ALTER TABLE notification_events ADD CONSTRAINT full_disk CHECK (event <> 'accepted')",
        )
        .await;
    let rows = given.rows_of(&chunk).await;
    assert!(save_chunk(&given, &chunk, &rows).await.is_err());
    assert_eq!(given.count("notifications").await, 0);
    assert_eq!(given.job_row(job_id).await, "in progress started open=1");
}

#[tokio::test]
async fn a_job_finishes_when_no_chunk_is_open_and_once() {
    let given = given_service().await;
    let job_id = given.create(job(2, 2)).await;
    assert!(!finish(&given, job_id).await.unwrap());
    given.save_rows(&given.chunk(job_id).await).await;
    let last = given.chunk(job_id).await;
    assert!(!finish(&given, job_id).await.unwrap());
    assert_eq!(given.save_rows(&last).await.n_open, 0);
    assert!(finish(&given, job_id).await.unwrap());
    assert!(!finish(&given, job_id).await.unwrap());
    assert_eq!(
        given.job_row(job_id).await,
        "finished started finished open=0"
    );
}

#[tokio::test]
async fn a_stopped_job_does_not_finish_before_it_goes_on() {
    let given = given_service().await;
    let job_id = given.create(job(1, 2)).await;
    given.save_all(job_id).await;
    given.moved(job_id, JobEvent::Paused).await;
    assert!(!finish(&given, job_id).await.unwrap());
    given.moved(job_id, JobEvent::Resumed).await;
    assert!(finish(&given, job_id).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_last_chunks_are_saved_at_the_same_moment_finishes_once() {
    let given = given_service().await;
    for _ in 0..10 {
        let job_id = given.create(job(4, 5)).await;
        let mut chunks = Vec::new();
        for _ in 0..4 {
            chunks.push(given.chunk(job_id).await);
        }
        let worker = async |chunk| {
            given.save_rows(chunk).await;
            finish(&given, job_id).await.unwrap()
        };
        let finished = join_all(chunks.iter().map(worker)).await;
        assert_eq!(finished.iter().filter(|is_it| **is_it).count(), 1);
    }
}
