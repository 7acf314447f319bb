//! Moving jobs from status to status, as `core::job` says.

use carillon_core::id::{self, JobId};
use carillon_core::job::{JobEvent, JobReason, JobStatus, RowChange};
use carillon_store::job::{move_on, read};

use super::given::{given_service, job};

#[tokio::test]
async fn every_event_moves_a_job_from_every_status_as_the_machine_says() {
    let given = given_service().await;
    let moved = given.create(job(1, 1)).await;
    let other = given.create(job(1, 1)).await;
    for status in JobStatus::ALL {
        for event in JobEvent::ALL {
            let set = format!(
                "UPDATE jobs SET status = '{status}', status_reason = 'payload-missing',
                    row_change = 'release', relayed_at = carillon_now()"
            );
            given.database.execute(&set).await;
            let before = read(&given, moved).await.unwrap();
            let reason = Some(JobReason::Requested);
            let was_moved = move_on(&given, moved, *event, reason).await.unwrap();
            let after = read(&given, moved).await.unwrap();
            if let Some(next) = status.on(*event) {
                assert!(was_moved, "{event} of {status}");
                assert_eq!(after.status, next, "{event} of {status}");
                assert_eq!(after.status_reason.as_deref(), Some("requested"));
                let asked_for = RowChange::of(*event).or(Some(RowChange::Release));
                assert_eq!(after.row_change, asked_for, "{event} of {status}");
                assert!(after.updated_at > before.updated_at);
                let to_send_on = format!("jobs WHERE id = '{moved}' AND relayed_at IS NULL");
                assert_eq!(given.count(&to_send_on).await, 1);
            } else {
                assert!(!was_moved, "{event} of {status}");
                assert_eq!(after, before, "{event} of {status}");
            }
            let let_be = read(&given, other).await.unwrap();
            assert_eq!(let_be.status, *status, "it is another job");
        }
    }
}

#[tokio::test]
async fn a_job_that_goes_on_forgets_why_it_was_stopped_and_that_it_was_finished() {
    let given = given_service().await;
    let (job_id, _) = given.finished(1, 1).await;
    given.moved(job_id, JobEvent::Paused).await;
    assert_eq!(
        given.job_row(job_id).await,
        "paused reason=requested change=hold started finished to-send-on open=0"
    );
    assert!(
        move_on(&given, job_id, JobEvent::Resumed, None)
            .await
            .unwrap()
    );
    assert_eq!(
        given.job_row(job_id).await,
        "in progress change=release started to-send-on open=0"
    );
}

#[tokio::test]
async fn a_job_that_is_not_there_is_not_moved() {
    let given = given_service().await;
    let nobody_s = JobId(id::mint());
    for event in JobEvent::ALL {
        assert!(!move_on(&given, nobody_s, *event, None).await.unwrap());
    }
}
