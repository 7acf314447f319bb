//! Reaching the rows of a job that is to change: page by page, past those in a worker's hands.

use carillon_core::job::{JobEvent, RowChange};
use carillon_store::notification::{mark, rescue_lost};

use super::given::{changed, failed, given_service, job};
use crate::given::{LEASE, accepted};

#[tokio::test]
async fn a_row_in_a_worker_s_hands_is_left_to_it_and_met_again() {
    let given = given_service().await;
    let (job_id, ids) = given.finished(1, 4).await;
    let sent = given.claimed(ids[0]).await;
    let comes_back = given.claimed(ids[1]).await;
    given.claimed(ids[2]).await;
    given.moved(job_id, JobEvent::Cancelled).await;
    assert_eq!(
        given.change(job_id, RowChange::Cancel, 100).await,
        changed(1, 3)
    );
    let marks = [accepted(ids[0], sent), failed(ids[1], comes_back)];
    assert_eq!(mark(&given, &marks, "worker").await.unwrap().n_late, 0);
    assert_eq!(
        given.change(job_id, RowChange::Cancel, 100).await,
        changed(1, 1)
    );
    given.database.advance_clock(LEASE * 2).await;
    assert_eq!(
        given.change(job_id, RowChange::Cancel, 100).await,
        changed(0, 1),
        "its lease ran out, but nobody has looked yet"
    );
    rescue_lost(&given, 48, 100).await.unwrap();
    assert_eq!(
        given.change(job_id, RowChange::Cancel, 100).await,
        changed(1, 0)
    );
    assert!(given.row(ids[0]).await.starts_with("sending"));
    for id in &ids[1..] {
        assert!(given.row(*id).await.starts_with("cancelled"));
    }
}

#[tokio::test]
async fn rows_in_hand_do_not_hold_up_those_behind_them() {
    let given = given_service().await;
    let (job_id, ids) = given.finished(1, 8).await;
    for id in &ids[..4] {
        given.claimed(*id).await;
    }
    given.moved(job_id, JobEvent::Cancelled).await;
    let mut n_changed = 0;
    for _ in 0..4 {
        n_changed += given.change(job_id, RowChange::Cancel, 2).await.n_changed;
    }
    assert_eq!(n_changed, 4);
}

#[tokio::test]
async fn pages_of_any_size_reach_every_row() {
    let given = given_service().await;
    let (job_id, _) = given.finished(2, 10).await;
    for (event, change) in [
        (JobEvent::Paused, RowChange::Hold),
        (JobEvent::Resumed, RowChange::Release),
        (JobEvent::Cancelled, RowChange::Cancel),
    ] {
        given.moved(job_id, event).await;
        for expected in [7, 7, 6, 0] {
            let page = given.change(job_id, change, 7).await;
            assert_eq!(page, changed(expected, 0), "{change}");
        }
    }
}

#[tokio::test]
async fn a_pass_over_many_rows_goes_on_where_the_last_page_ended_and_ends_with_one_from_the_first()
{
    let given = given_service().await;
    let (job_id, ids) = given.finished(1, 6).await;
    let in_hand = given.claimed(ids[0]).await;
    given.moved(job_id, JobEvent::Cancelled).await;
    for expected in [2, 2] {
        let page = given.change(job_id, RowChange::Cancel, 2).await;
        assert_eq!(page.n_changed, expected);
    }
    // Behind the page, and before it: it comes back.
    mark(&given, &[failed(ids[0], in_hand)], "worker")
        .await
        .unwrap();
    let after = "SELECT count(*) FROM jobs WHERE row_change_after IS NOT NULL";
    assert_eq!(given.database.number(after).await, 1);
    let last = given.change(job_id, RowChange::Cancel, 2).await;
    assert_eq!(last, changed(1, 0));
    assert_eq!(given.database.number(after).await, 0);
    let again = given.change(job_id, RowChange::Cancel, 2).await;
    assert_eq!(again, changed(1, 0), "it begins at the first row again");
    assert_eq!(
        given.change(job_id, RowChange::Cancel, 2).await,
        changed(0, 0)
    );
}

#[tokio::test]
async fn a_last_page_that_is_full_is_followed_by_a_pass_from_the_first_row() {
    let given = given_service().await;
    let (job_id, _) = given.finished(1, 4).await;
    given.moved(job_id, JobEvent::Cancelled).await;
    for expected in [2, 2] {
        let page = given.change(job_id, RowChange::Cancel, 2).await;
        assert_eq!(page, changed(expected, 0));
    }
    let beyond = given.change(job_id, RowChange::Cancel, 2).await;
    assert!(beyond.goes_on && beyond.n_changed == 0, "{beyond:?}");
    assert_eq!(
        given.change(job_id, RowChange::Cancel, 2).await,
        changed(0, 0)
    );
}

#[tokio::test]
async fn a_chunk_that_is_being_saved_is_in_hand_until_it_is_or_its_lease_ends() {
    let given = given_service().await;
    let job_id = given.create(job(2, 2)).await;
    let refused = given.chunk(job_id).await;
    given.chunk(job_id).await;
    given.moved(job_id, JobEvent::Cancelled).await;
    assert_eq!(
        given.change(job_id, RowChange::Cancel, 100).await,
        changed(0, 2)
    );
    given.save_rows(&refused).await;
    assert_eq!(
        given.change(job_id, RowChange::Cancel, 100).await,
        changed(0, 1)
    );
    given.database.advance_clock(LEASE * 2).await;
    assert_eq!(
        given.change(job_id, RowChange::Cancel, 100).await,
        changed(0, 0)
    );
}

#[tokio::test]
async fn chunks_that_are_saved_meanwhile_do_not_hold_up_a_release() {
    let given = given_service().await;
    let job_id = given.create(job(2, 2)).await;
    given.save_rows(&given.chunk(job_id).await).await;
    given.moved(job_id, JobEvent::Paused).await;
    given.change(job_id, RowChange::Hold, 100).await;
    given.moved(job_id, JobEvent::Resumed).await;
    given.chunk(job_id).await;
    for expected in [2, 0] {
        assert_eq!(
            given.change(job_id, RowChange::Release, 100).await,
            changed(expected, 0)
        );
    }
}
