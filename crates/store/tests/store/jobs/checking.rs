//! The proof that no row of a finished job is missing, and what follows if one is.

use carillon_core::id::{JobId, NotificationId};
use carillon_core::job::JobEvent;
use carillon_store::job::{finish, reopen_missing, unchecked};

use super::given::{given_service, job, job_of};
use crate::given::Given;

impl Given {
    async fn delete(&self, ids: &[NotificationId]) {
        for id in ids {
            let delete = format!("DELETE FROM notifications WHERE id = '{id}'");
            self.database.execute(&delete).await;
        }
    }

    /// Counts the rows of everything that is to be checked; the chunks that were opened again.
    async fn check(&self) -> Vec<(JobId, Vec<i32>)> {
        let mut found = Vec::new();
        for (job_id, started_at) in unchecked(self, 100).await.expect("PostgreSQL answers") {
            let reopened = reopen_missing(self, job_id, started_at).await;
            found.push((job_id, reopened.expect("PostgreSQL answers")));
        }
        found
    }
}

#[tokio::test]
async fn a_finished_job_is_checked_once_and_the_oldest_first() {
    let given = given_service().await;
    let in_progress = given.create(job(2, 1)).await;
    given.save_rows(&given.chunk(in_progress).await).await;
    let (first, _) = given.finished(3, 4).await;
    let (second, _) = given.finished(1, 1).await;
    let of_one = unchecked(&given, 1).await.unwrap();
    assert_eq!(
        of_one.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
        [first]
    );
    assert_eq!(given.check().await, [(first, vec![]), (second, vec![])]);
    assert_eq!(given.check().await, []);
    assert_eq!(
        given.job_row(first).await,
        "finished started finished checked open=0"
    );
}

#[tokio::test]
async fn rows_that_are_missing_open_their_chunks_again_and_get_the_same_ids() {
    let given = given_service().await;
    let job_id = given
        .create(job_of(&[&[1, 2, 3], &[4, 7], &[8, 9], &[12]]))
        .await;
    let ids = given.save_all(job_id).await;
    finish(&given, job_id).await.unwrap();
    // Another job's rows of the same moment are no substitute.
    let other = given.create(job(4, 3)).await;
    let same_start = format!(
        "UPDATE jobs SET started_at = (SELECT started_at FROM jobs WHERE id = '{job_id}')
         WHERE id = '{other}'"
    );
    given.database.execute(&same_start).await;
    given.save_all(other).await;
    given.delete(&[ids[1], ids[3], ids[4]]).await;

    assert_eq!(given.check().await, [(job_id, vec![0, 1])]);
    assert_eq!(
        given.job_row(job_id).await,
        "in progress started to-send-on open=2"
    );
    assert_eq!(given.check().await, []);
    for number in [0, 1] {
        let chunk = given.chunk(job_id).await;
        assert_eq!(chunk.chunk, number);
        let saved = given.save_rows(&chunk).await;
        assert_eq!(saved.n_new, [1, 2][number as usize]);
    }
    assert!(finish(&given, job_id).await.unwrap());
    assert_eq!(given.check().await, [(job_id, vec![])]);
    for id in ids {
        assert_eq!(given.row(id).await, "created attempts=0 on-its-way");
    }
}

#[tokio::test]
async fn whoever_saved_a_chunk_that_was_opened_again_does_not_hold_it_any_more() {
    let given = given_service().await;
    let job_id = given.create(job(1, 2)).await;
    let chunk = given.chunk(job_id).await;
    let ids = given.save_rows(&chunk).await.ids;
    finish(&given, job_id).await.unwrap();
    given.delete(&ids[..1]).await;
    given.check().await;
    assert!(!given.save_rows(&chunk).await.is_ours);
    let again = given.chunk(job_id).await;
    assert_eq!((again.attempt, given.save_rows(&again).await.n_new), (2, 1));
}

#[tokio::test]
async fn a_job_that_was_stopped_after_it_was_listed_is_left_alone() {
    let given = given_service().await;
    for event in [JobEvent::Paused, JobEvent::Cancelled] {
        let (job_id, ids) = given.finished(2, 2).await;
        let listed = unchecked(&given, 100).await.unwrap();
        assert_eq!(listed.len(), 1);
        given.delete(&ids[..1]).await;
        given.moved(job_id, event).await;
        let before = given.job_row(job_id).await;
        let reopened = reopen_missing(&given, job_id, listed[0].1).await.unwrap();
        assert_eq!(reopened, [0; 0], "{event}");
        assert_eq!(given.job_row(job_id).await, before, "{event}");
    }
}

#[tokio::test]
async fn a_job_that_goes_on_after_it_was_finished_is_checked_again() {
    let given = given_service().await;
    let (job_id, ids) = given.finished(2, 2).await;
    given.check().await;
    given.moved(job_id, JobEvent::Paused).await;
    given.moved(job_id, JobEvent::Resumed).await;
    given.delete(&ids[3..]).await;
    finish(&given, job_id).await.unwrap();
    assert_eq!(given.check().await, [(job_id, vec![1])]);
}
