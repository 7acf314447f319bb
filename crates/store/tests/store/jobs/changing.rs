//! Making the rows that were saved follow their job: cancelled, held, released.

use std::time::Duration;

use carillon_core::id::{JobId, NotificationId};
use carillon_core::job::{JobEvent, RowChange};
use carillon_core::task::SaveNotification;
use carillon_store::health;
use carillon_store::job::{RowsChanged, rows_are_changed, went_on_late};
use carillon_store::notification::{claim, mark, relay, time_out};
use uuid::Uuid;

use super::given::{changed, failed, given_service, job};
use crate::given::{Given, LEASE, accepted, email, given};

const DAY: Duration = Duration::from_secs(86_400);

async fn n_claimable(given: &Given, ids: &[NotificationId]) -> usize {
    let claimed = claim(given, ids, Uuid::new_v4(), LEASE).await;
    claimed.expect("PostgreSQL answers").len()
}

/// Another message of the very millisecond in which a job started, which is nobody's job.
fn beside(first: NotificationId) -> SaveNotification {
    let time = first.0.as_u128() >> 80 << 80;
    let rest = NotificationId::mint().0.as_u128() & ((1 << 80) - 1);
    SaveNotification {
        id: NotificationId(Uuid::from_u128(time | rest)),
        ..email()
    }
}

#[tokio::test]
async fn the_unsent_rows_of_a_cancelled_job_are_cancelled_and_the_service_hears_of_it() {
    let given = given().await;
    given.register(&["delivery-status"]).await;
    let (job_id, ids) = given.finished(1, 4).await;
    let sent = given.claimed(ids[0]).await;
    mark(&given, &[accepted(ids[0], sent)], "worker")
        .await
        .unwrap();
    let waits = given.claimed(ids[1]).await;
    mark(&given, &[failed(ids[1], waits)], "worker")
        .await
        .unwrap();
    given.moved(job_id, JobEvent::Cancelled).await;

    let result = given.change(job_id, RowChange::Cancel, 100).await;
    let expected = RowsChanged {
        n_callback_events: 3,
        ..changed(3, 0)
    };
    assert_eq!(result, expected);
    assert_eq!(
        given.row(ids[0]).await,
        "sending attempts=1 reference=reference-of-mark"
    );
    assert_eq!(given.to_tell(ids[0]).await, [""; 0]);
    assert_eq!(given.row(ids[1]).await, "cancelled attempts=1 completed");
    for id in &ids[2..] {
        assert_eq!(given.row(*id).await, "cancelled attempts=0 completed");
        assert_eq!(
            given.timeline(*id).await,
            ["accepted", "cancelled job-cancelled"]
        );
        assert_eq!(given.to_tell(*id).await, ["delivery-status cancelled"]);
    }
    assert_eq!(n_claimable(&given, &ids).await, 0);
    let again = given.change(job_id, RowChange::Cancel, 100).await;
    assert_eq!(again, changed(0, 0));
}

#[tokio::test]
async fn nothing_is_told_where_nobody_registered() {
    let given = given().await;
    given.register(&["complaint"]).await;
    let (job_id, _) = given.finished(1, 2).await;
    given.moved(job_id, JobEvent::Cancelled).await;
    let result = given.change(job_id, RowChange::Cancel, 100).await;
    assert_eq!(result, changed(2, 0));
}

#[tokio::test]
async fn the_rows_of_a_paused_job_wait_until_it_goes_on() {
    let given = given_service().await;
    let (job_id, ids) = given.finished(2, 2).await;
    let waits = given.claimed(ids[0]).await;
    mark(&given, &[failed(ids[0], waits)], "worker")
        .await
        .unwrap();
    given.moved(job_id, JobEvent::Paused).await;
    assert_eq!(
        given.change(job_id, RowChange::Hold, 100).await,
        changed(4, 0)
    );
    assert_eq!(
        given.change(job_id, RowChange::Hold, 100).await,
        changed(0, 0)
    );
    assert_eq!(
        given.row(ids[0]).await,
        "created attempts=1 waits=job-paused"
    );
    assert_eq!(
        given.row(ids[3]).await,
        "created attempts=0 waits=job-paused"
    );
    assert_eq!(
        given.timeline(ids[3]).await,
        ["accepted", "held job-paused"]
    );
    given.database.advance_clock(DAY * 365).await;
    assert!(relay(&given, 100).await.unwrap().is_empty());
    assert_eq!(n_claimable(&given, &ids).await, 0);

    given.moved(job_id, JobEvent::Resumed).await;
    assert_eq!(
        given.change(job_id, RowChange::Release, 100).await,
        changed(4, 0)
    );
    assert_eq!(
        given.change(job_id, RowChange::Release, 100).await,
        changed(0, 0)
    );
    let relayed = relay(&given, 100).await.unwrap();
    assert_eq!(relayed.len(), 4);
    let lane = carillon_core::queue::Queue::SendEmail;
    assert!(relayed.iter().all(|relayed| relayed.queue == lane));
    assert_eq!(n_claimable(&given, &ids).await, 4);
}

#[tokio::test]
async fn a_job_paused_again_holds_what_was_released_and_is_not_on_its_way_yet() {
    let given = given_service().await;
    let (job_id, ids) = given.finished(1, 3).await;
    given.moved(job_id, JobEvent::Paused).await;
    given.change(job_id, RowChange::Hold, 100).await;
    given.moved(job_id, JobEvent::Resumed).await;
    given.change(job_id, RowChange::Release, 2).await;
    given.moved(job_id, JobEvent::Paused).await;
    assert_eq!(
        given.change(job_id, RowChange::Hold, 100).await,
        changed(2, 0)
    );
    assert!(relay(&given, 100).await.unwrap().is_empty());
    for id in ids {
        assert_eq!(given.row(id).await, "created attempts=0 waits=job-paused");
    }
}

#[tokio::test]
async fn a_paused_job_that_is_cancelled_ends_its_held_rows() {
    let given = given_service().await;
    let (job_id, ids) = given.finished(1, 3).await;
    given.moved(job_id, JobEvent::Paused).await;
    given.change(job_id, RowChange::Hold, 2).await;
    given.moved(job_id, JobEvent::Cancelled).await;
    assert_eq!(
        given.change(job_id, RowChange::Cancel, 100).await,
        changed(3, 0)
    );
    assert_eq!(
        given.timeline(ids[0]).await,
        ["accepted", "held job-paused", "cancelled job-cancelled"]
    );
}

#[tokio::test]
async fn a_scheduled_job_has_no_rows_to_cancel() {
    let given = given_service().await;
    let mut scheduled = job(1, 1);
    scheduled.scheduled_for = Some(carillon_core::clock::now() + DAY);
    let job_id = given.create(scheduled).await;
    given.on_its_way().await;
    given.moved(job_id, JobEvent::Cancelled).await;
    assert_eq!(
        given.change(job_id, RowChange::Cancel, 100).await,
        changed(0, 0)
    );
}

#[tokio::test]
async fn other_messages_of_the_same_moment_are_not_touched() {
    let given = given_service().await;
    let (job_id, ids) = given.finished(1, 3).await;
    let nobody_s = beside(ids[0]);
    given.save(std::slice::from_ref(&nobody_s)).await;
    let other = given.create(job(1, 3)).await;
    let same_start = format!(
        "UPDATE jobs SET started_at = (SELECT started_at FROM jobs WHERE id = '{job_id}')
         WHERE id = '{other}'"
    );
    given.database.execute(&same_start).await;
    let others = given.save_all(other).await;
    assert_eq!(others[0].time(), ids[0].time());
    for (event, change) in [
        (JobEvent::Paused, RowChange::Hold),
        (JobEvent::Resumed, RowChange::Release),
        (JobEvent::Cancelled, RowChange::Cancel),
    ] {
        given.moved(job_id, event).await;
        assert_eq!(given.change(job_id, change, 100).await, changed(3, 0));
        for id in others.iter().chain([&nobody_s.id]) {
            assert_eq!(given.row(*id).await, "created attempts=0 on-its-way");
        }
    }
}

#[tokio::test]
async fn only_the_change_that_is_asked_for_is_made_and_ended() {
    let given = given_service().await;
    let (job_id, ids) = given.finished(1, 3).await;
    assert_eq!(
        given.change(job_id, RowChange::Cancel, 100).await,
        changed(0, 0),
        "nobody asked for any"
    );
    given.moved(job_id, JobEvent::Paused).await;
    given.moved(job_id, JobEvent::Resumed).await;
    assert_eq!(
        given.change(job_id, RowChange::Hold, 100).await,
        changed(0, 0)
    );
    assert_eq!(given.row(ids[0]).await, "created attempts=0 on-its-way");
    let change_of = async |given: &Given, job_id: JobId| {
        rows_are_changed(given, job_id, RowChange::Hold)
            .await
            .expect("PostgreSQL answers");
        given.job_row(job_id).await
    };
    let asked_for = "in progress reason=requested change=release started to-send-on open=0";
    assert_eq!(change_of(&given, job_id).await, asked_for);
    given.moved(job_id, JobEvent::Paused).await;
    assert_eq!(
        change_of(&given, job_id).await,
        "paused reason=requested started to-send-on open=0"
    );
}

#[tokio::test]
async fn rows_of_a_stopped_job_are_not_claimed_even_before_they_are_changed() {
    let given = given_service().await;
    for (event, n_rows) in [
        (JobEvent::Paused, 0),
        (JobEvent::Cancelled, 0),
        // What was accepted is sent.
        (JobEvent::LimitsExceeded, 2),
        (JobEvent::Failed, 2),
    ] {
        let job_id = given.create(job(2, 2)).await;
        let ids = given.save_rows(&given.chunk(job_id).await).await.ids;
        let (_, others) = given.finished(1, 2).await;
        given.moved(job_id, event).await;
        assert_eq!(n_claimable(&given, &ids).await, n_rows, "{event}");
        assert_eq!(n_claimable(&given, &others).await, 2, "{event}");
    }
    let nobody_s = given.on_its_way().await;
    assert_eq!(n_claimable(&given, &[nobody_s]).await, 1);
}

#[tokio::test]
async fn what_was_on_its_way_while_the_job_was_paused_for_a_moment_is_sent_on_by_its_release() {
    let given = given_service().await;
    let job_id = given.create(job(2, 2)).await;
    let ids = given.save_rows(&given.chunk(job_id).await).await.ids;
    given.moved(job_id, JobEvent::Paused).await;
    // Whoever took them out of the queue was refused.
    assert_eq!(n_claimable(&given, &ids).await, 0);
    given.moved(job_id, JobEvent::Resumed).await;
    let later = given.save_rows(&given.chunk(job_id).await).await.ids;
    assert_eq!(
        given.change(job_id, RowChange::Release, 100).await,
        changed(2, 0)
    );
    let relayed = relay(&given, 100).await.unwrap();
    assert_eq!(
        relayed.iter().map(|row| row.id).collect::<Vec<_>>(),
        ids,
        "and not what was saved since"
    );
    assert_eq!(
        given.change(job_id, RowChange::Release, 100).await,
        changed(0, 0),
        "once"
    );
    assert_eq!(n_claimable(&given, &ids).await, 2);
    assert_eq!(n_claimable(&given, &later).await, 2);
}

/// Ends what has been open for three days; how many rows.
async fn n_timed_out(given: &Given) -> i64 {
    let cutoff = health::now(given).await.expect("PostgreSQL answers") - DAY * 3;
    let late = went_on_late(given, cutoff - DAY * 5).await;
    let mut spans = late.expect("PostgreSQL answers");
    spans.push((
        NotificationId::lower_bound(cutoff - DAY * 5),
        NotificationId::lower_bound(cutoff),
    ));
    let mut n_ended = 0;
    for span in spans {
        let page = time_out(given, span, cutoff, 100).await;
        n_ended += page
            .expect("PostgreSQL answers")
            .map_or(0, |page| page.n_ended);
    }
    n_ended
}

#[tokio::test]
async fn rows_that_are_held_wait_for_as_long_as_the_job_does_and_their_time_begins_anew() {
    let given = given_service().await;
    let (job_id, ids) = given.finished(1, 2).await;
    given.moved(job_id, JobEvent::Paused).await;
    given.change(job_id, RowChange::Hold, 100).await;
    rows_are_changed(&given, job_id, RowChange::Hold)
        .await
        .unwrap();
    given.database.advance_clock(DAY * 4).await;
    assert_eq!(n_timed_out(&given).await, 0);
    given.moved(job_id, JobEvent::Resumed).await;
    assert_eq!(
        given.change(job_id, RowChange::Release, 100).await,
        changed(2, 0)
    );
    assert_eq!(relay(&given, 100).await.unwrap().len(), 2);
    given.database.advance_clock(DAY * 2).await;
    assert_eq!(n_timed_out(&given).await, 0);
    given.database.advance_clock(DAY + DAY / 24).await;
    assert_eq!(n_timed_out(&given).await, 2);
    for id in &ids {
        assert_eq!(
            given.timeline(*id).await,
            ["accepted", "held job-paused", "failed never-sent"]
        );
    }
}

#[tokio::test]
async fn rows_that_are_saved_long_after_the_start_have_three_days_from_then_on() {
    for days_late in [4, 20] {
        let given = given_service().await;
        let job_id = given.create(job(2, 1)).await;
        given.save_rows(&given.chunk(job_id).await).await;
        given.moved(job_id, JobEvent::Paused).await;
        given.database.advance_clock(DAY * days_late).await;
        given.moved(job_id, JobEvent::Resumed).await;
        let late = given.save_rows(&given.chunk(job_id).await).await.ids[0];
        let token = given.claimed(late).await;
        mark(&given, &[accepted(late, token)], "worker")
            .await
            .unwrap();
        n_timed_out(&given).await;
        assert!(given.row(late).await.starts_with("sending"), "{days_late}");
        given.database.advance_clock(DAY * 2).await;
        n_timed_out(&given).await;
        assert!(given.row(late).await.starts_with("sending"), "{days_late}");
        given.database.advance_clock(DAY + DAY / 24).await;
        n_timed_out(&given).await;
        let ended = given.row(late).await;
        assert!(
            ended.starts_with("temporary-failure"),
            "{days_late}: {ended}"
        );
    }
}
