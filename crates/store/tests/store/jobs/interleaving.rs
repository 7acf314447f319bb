//! Whatever workers, crashes and people do to a job, every row is there once in the end.

use std::time::Duration;

use carillon_core::id::{JobId, NotificationId};
use carillon_core::job::{JobEvent, JobStatus, RowChange};
use carillon_store::job::{
    ClaimedChunk, change_rows, finish, give_back_chunk, move_on, read, rows_are_changed,
    stands_still,
};
use carillon_store::notification::{claim, relay};
use futures::future::join_all;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use uuid::Uuid;

use super::given::{given_service, job};
use crate::given::{Given, LEASE};

const N_CHUNKS: u32 = 6;
const N_ROWS: u32 = 3;

/// What a worker does next with the task in its hands.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Claims for a new task.
    Claim,
    /// Saves what it claimed.
    Save,
    /// Dies; its task comes again, with the same token.
    Redelivered,
    /// Dies, and its task is lost.
    Lost,
    GiveBack,
    /// Makes some saved rows follow the job.
    Change,
    Finish,
}

/// What people, pollers and time do meanwhile.
#[derive(Debug, Clone, Copy)]
enum Outside {
    Pause,
    Resume,
    LeasesEnd,
    Relay,
    LookAround,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Claim),
        4 => Just(Step::Save),
        2 => Just(Step::Redelivered),
        1 => Just(Step::Lost),
        1 => Just(Step::GiveBack),
        2 => Just(Step::Change),
        1 => Just(Step::Finish),
    ]
}

fn any_outside() -> impl Strategy<Value = Outside> {
    prop_oneof![
        2 => Just(Outside::Pause),
        3 => Just(Outside::Resume),
        1 => Just(Outside::LeasesEnd),
        1 => Just(Outside::Relay),
        1 => Just(Outside::LookAround),
    ]
}

async fn change(given: &Given, job_id: JobId) {
    let job = read(given, job_id).await.expect("it is there");
    let Some(change) = job.row_change else { return };
    let changed = change_rows(given, job_id, change, 4)
        .await
        .expect("PostgreSQL answers");
    if !changed.goes_on && changed.n_in_hand == 0 {
        rows_are_changed(given, job_id, change)
            .await
            .expect("PostgreSQL answers");
    }
}

async fn work(given: &Given, job_id: JobId, steps: &[Step]) {
    let mut held: Option<ClaimedChunk> = None;
    for step in steps {
        match (step, held.take()) {
            (Step::Claim, None) => held = given.try_chunk(job_id).await,
            (Step::Save | Step::Claim, Some(chunk)) => {
                given.save_rows(&chunk).await;
                held = Some(chunk);
            }
            (Step::Redelivered, Some(chunk)) => {
                held = given.claim_under(job_id, chunk.token).await.chunk;
            }
            (Step::GiveBack, Some(chunk)) => {
                let wait = Duration::from_millis(1);
                give_back_chunk(given, &chunk, wait)
                    .await
                    .expect("PostgreSQL answers");
            }
            (Step::Change, chunk) => {
                change(given, job_id).await;
                held = chunk;
            }
            (Step::Finish, chunk) => {
                finish(given, job_id).await.expect("PostgreSQL answers");
                held = chunk;
            }
            (Step::Lost, _) | (_, None) => {}
        }
    }
}

async fn disturb(given: &Given, job_id: JobId, doings: &[Outside]) {
    for doing in doings {
        match doing {
            Outside::Pause => {
                move_on(given, job_id, JobEvent::Paused, None)
                    .await
                    .expect("PostgreSQL answers");
            }
            Outside::Resume => {
                move_on(given, job_id, JobEvent::Resumed, None)
                    .await
                    .expect("PostgreSQL answers");
            }
            Outside::LeasesEnd => given.database.advance_clock(LEASE * 2).await,
            Outside::Relay => {
                relay(given, 5).await.expect("PostgreSQL answers");
            }
            Outside::LookAround => {
                stands_still(given, LEASE, 4, 10)
                    .await
                    .expect("PostgreSQL answers");
            }
        }
    }
}

/// Nobody disturbs the job any more: what is left is done by one worker and one poller.
async fn let_it_end(given: &Given, job_id: JobId) {
    move_on(given, job_id, JobEvent::Resumed, None)
        .await
        .expect("PostgreSQL answers");
    given.database.advance_clock(LEASE * 2).await;
    given.save_all(job_id).await;
    finish(given, job_id).await.expect("PostgreSQL answers");
    let change = RowChange::Release;
    while given.change(job_id, change, 4).await.goes_on {}
    rows_are_changed(given, job_id, change)
        .await
        .expect("PostgreSQL answers");
    relay(given, 1_000).await.expect("PostgreSQL answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_end_every_row_is_there_once_and_can_be_sent() {
    let given = given_service().await;
    let mut runner = TestRunner::deterministic();
    let plans = (
        prop::collection::vec(prop::collection::vec(any_step(), 4..16), 4),
        prop::collection::vec(any_outside(), 0..12),
    );
    for _ in 0..25 {
        let (workers, outside) = plans.new_tree(&mut runner).unwrap().current();
        let job_id = given.create(job(N_CHUNKS, N_ROWS)).await;
        let workers_done = join_all(workers.iter().map(|steps| work(&given, job_id, steps)));
        tokio::join!(workers_done, disturb(&given, job_id, &outside));
        let_it_end(&given, job_id).await;

        let plan = format!("{workers:?} {outside:?}");
        let ended = read(&given, job_id).await.unwrap();
        assert_eq!(ended.status, JobStatus::Finished, "{plan}");
        let started_at = ended.started_at.expect("it was started");
        let expected: Vec<_> = (1..=N_CHUNKS * N_ROWS)
            .map(|number| NotificationId::of_job_row(job_id, started_at, number))
            .collect();
        let ours = format!("notifications WHERE job_id = '{job_id}'");
        assert_eq!(given.count(&ours).await, expected.len() as i64, "{plan}");
        let claimed = claim(&given, &expected, Uuid::new_v4(), LEASE).await;
        assert_eq!(claimed.unwrap().len(), expected.len(), "{plan}");
    }
}
