//! Jobs that nobody goes on with: by their time, or because their tasks are proved lost.

use std::time::Duration;

use carillon_core::id::JobId;
use carillon_core::job::{JobEvent, RowChange};
use carillon_core::queue::Queue;
use carillon_store::job::{
    NewJob, StandsStill, finish, rows_are_changed, send_on_again, stands_still,
};
use carillon_store::{health, watermark};
use futures::future::try_join_all;

use super::given::{given_service, job};
use crate::given::{Given, LEASE};

const GRACE: Duration = Duration::from_secs(90);
const SECOND: Duration = Duration::from_secs(1);

impl Given {
    /// What the poller finds, each as job and tasks.
    async fn found(&self) -> Vec<(JobId, i32)> {
        let found = stands_still(self, GRACE, 4, 100).await;
        let pair = |found: StandsStill| (found.id, found.n_pieces);
        found
            .expect("PostgreSQL answers")
            .into_iter()
            .map(pair)
            .collect()
    }

    /// A marker published now is taken out of a queue.
    async fn marker_taken(&self, queue: Queue) {
        let now = health::now(self).await.expect("PostgreSQL answers");
        let recorded = watermark::record(self, queue, now).await;
        recorded.expect("PostgreSQL answers");
    }
}

/// A job for so long from now, by the database's clock.
async fn scheduled(given: &Given, ahead: Duration) -> JobId {
    let now = health::now(given).await.expect("PostgreSQL answers");
    let scheduled = NewJob {
        scheduled_for: Some(now + ahead),
        ..job(2, 1)
    };
    given.create(scheduled).await
}

#[tokio::test]
async fn a_scheduled_job_begins_at_its_time_and_not_before() {
    let given = given_service().await;
    let hour = SECOND * 3_600;
    let job_id = scheduled(&given, hour).await;
    given.database.advance_clock(hour - SECOND * 20).await;
    // No marker proves anything of a job that nobody has published.
    given.marker_taken(Queue::Jobs).await;
    assert_eq!(given.found().await, []);
    assert!(given.try_chunk(job_id).await.is_none());
    assert_eq!(given.job_row(job_id).await, "scheduled open=2");
    given.database.advance_clock(SECOND * 20).await;
    assert_eq!(given.found().await, [(job_id, 2)]);
    assert_eq!(given.job_row(job_id).await, "pending open=2");
    assert_eq!(given.found().await, []);
    assert!(given.try_chunk(job_id).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_job_is_begun_by_one_poller_however_many_look() {
    let given = given_service().await;
    for _ in 0..20 {
        for _ in 0..5 {
            scheduled(&given, SECOND).await;
        }
        given.database.advance_clock(SECOND * 2).await;
        let pollers = (0..4).map(|_| stands_still(&given, GRACE, 4, 3));
        let mut found = try_join_all(pollers).await.unwrap().concat();
        // One whose candidates another had locked may have come back with fewer.
        found.extend(stands_still(&given, GRACE, 4, 100).await.unwrap());
        found.sort_by_key(|found| found.id);
        assert_eq!(found.len(), 5);
        assert!(found.iter().all(|found| found.n_pieces == 2));
    }
}

#[tokio::test]
async fn a_cancelled_job_is_not_begun() {
    let given = given_service().await;
    let job_id = scheduled(&given, SECOND).await;
    given.moved(job_id, JobEvent::Cancelled).await;
    assert_eq!(given.found().await, [(job_id, 2)], "for its change of rows");
    rows_are_changed(&given, job_id, RowChange::Cancel)
        .await
        .unwrap();
    given.database.advance_clock(SECOND * 2).await;
    given.marker_taken(Queue::Jobs).await;
    assert_eq!(given.found().await, []);
    assert!(given.job_row(job_id).await.starts_with("cancelled"));
}

#[tokio::test]
async fn a_job_whose_tasks_are_lost_is_found_when_the_queue_is_proved_to_be_without_them() {
    let given = given_service().await;
    let job_id = given.create(job(6, 1)).await;
    given.database.advance_clock(SECOND * 100_000).await;
    assert_eq!(given.found().await, [], "age proves nothing");
    given.marker_taken(Queue::SendEmail).await;
    assert_eq!(given.found().await, [], "nor does another queue");

    given.send_on(job_id).await;
    given.marker_taken(Queue::Jobs).await;
    assert_eq!(given.found().await, []);
    given.database.advance_clock(GRACE - SECOND).await;
    given.marker_taken(Queue::Jobs).await;
    assert_eq!(given.found().await, [], "a worker may have them in hand");
    given.database.advance_clock(SECOND * 2).await;
    assert_eq!(given.found().await, [], "no later marker was taken");
    given.marker_taken(Queue::Jobs).await;
    assert_eq!(given.found().await, [(job_id, 4)]);
    assert_eq!(given.found().await, [], "it was sent on");
    given.database.advance_clock(GRACE + SECOND).await;
    given.marker_taken(Queue::Jobs).await;
    assert_eq!(given.found().await, [(job_id, 4)], "and was lost again");
}

impl Given {
    /// As if the poller had sent it on just now.
    async fn send_on(&self, job_id: JobId) {
        let update = format!("UPDATE jobs SET relayed_at = carillon_now() WHERE id = '{job_id}'");
        self.database.execute(&update).await;
    }

    /// Everything that was published has come out of the queue, and nobody can hold it any more.
    async fn tasks_are_lost(&self) {
        self.database.advance_clock(GRACE + SECOND).await;
        self.marker_taken(Queue::Jobs).await;
    }
}

#[tokio::test]
async fn a_job_does_not_stand_still_while_somebody_holds_a_chunk_of_it() {
    let given = given_service().await;
    let job_id = given.create(job(3, 1)).await;
    given.tasks_are_lost().await;
    let chunk = given.chunk(job_id).await;
    assert_eq!(given.found().await, []);
    // A saved chunk is in nobody's hands.
    given.save_rows(&chunk).await;
    given.tasks_are_lost().await;
    assert_eq!(given.found().await, [(job_id, 2)]);
    given.chunk(job_id).await;
    given.tasks_are_lost().await;
    assert!(GRACE > LEASE);
    assert_eq!(given.found().await, [(job_id, 2)]);
}

#[tokio::test]
async fn a_job_that_is_worked_on_does_not_stand_still_between_two_chunks() {
    let given = given_service().await;
    let job_id = given.create(job(8, 1)).await;
    for _ in 0..6 {
        let chunk = given.chunk(job_id).await;
        given.save_rows(&chunk).await;
        // The worker has put its task back; it waits behind many others'.
        given.database.advance_clock(GRACE / 2).await;
        given.marker_taken(Queue::Jobs).await;
        assert_eq!(given.found().await, []);
    }
    given.tasks_are_lost().await;
    assert_eq!(given.found().await, [(job_id, 2)]);
}

#[tokio::test]
async fn a_job_that_only_needs_to_finish_is_found_too() {
    let given = given_service().await;
    let job_id = given.create(job(2, 1)).await;
    given.save_all(job_id).await;
    given.tasks_are_lost().await;
    assert_eq!(given.found().await, [(job_id, 1)]);
    assert!(finish(&given, job_id).await.unwrap());
    given.tasks_are_lost().await;
    assert_eq!(given.found().await, []);
}

#[tokio::test]
async fn a_job_that_was_moved_is_sent_on_at_once_if_there_is_something_to_do() {
    let given = given_service().await;
    let (job_id, _) = given.finished(2, 1).await;
    assert_eq!(given.found().await, []);
    for (event, change) in [
        (JobEvent::Paused, RowChange::Hold),
        (JobEvent::Resumed, RowChange::Release),
        (JobEvent::Cancelled, RowChange::Cancel),
    ] {
        given.moved(job_id, event).await;
        assert_eq!(given.found().await, [(job_id, 1)], "{event}");
        assert_eq!(given.found().await, []);
        given.tasks_are_lost().await;
        assert_eq!(given.found().await, [(job_id, 1)], "{event}");
        rows_are_changed(&given, job_id, change).await.unwrap();
        given.tasks_are_lost().await;
        // Of a job that goes on, the end is still to be noted.
        let is_found = event == JobEvent::Resumed;
        assert_eq!(given.found().await.len(), usize::from(is_found), "{event}");
    }
    let in_hand = given.create(job(2, 1)).await;
    given.chunk(in_hand).await;
    given.moved(in_hand, JobEvent::Paused).await;
    assert_eq!(given.found().await, [(in_hand, 2)]);
    for event in [JobEvent::LimitsExceeded, JobEvent::Failed] {
        let job_id = given.create(job(1, 1)).await;
        given.moved(job_id, event).await;
        assert_eq!(given.found().await, [], "{event}");
    }
}

#[tokio::test]
async fn a_job_whose_tasks_could_not_be_published_is_found_at_once() {
    let given = given_service().await;
    let one = given.create(job(1, 1)).await;
    let other = given.create(job(1, 1)).await;
    given.create(job(1, 1)).await;
    send_on_again(&given, &[one, other]).await.unwrap();
    let mut found = given.found().await;
    found.sort_by_key(|(id, _)| *id);
    assert_eq!(found, [(one, 1), (other, 1)]);
    assert_eq!(given.found().await, []);
}

#[tokio::test]
async fn no_more_jobs_are_sent_on_than_are_asked_for_and_none_is_passed_over() {
    let given = given_service().await;
    let mut jobs = Vec::new();
    for _ in 0..7 {
        jobs.push(given.create(job(1, 1)).await);
    }
    send_on_again(&given, &jobs).await.unwrap();
    let mut found = Vec::new();
    for expected in [3, 3, 1, 0] {
        let page = stands_still(&given, GRACE, 4, 3).await.unwrap();
        assert_eq!(page.len(), expected);
        found.extend(page.into_iter().map(|found| found.id));
    }
    found.sort();
    assert_eq!(found, jobs);
}
