//! Claiming chunks: each is in one pair of hands, and the first start is one moment for all.

use std::collections::BTreeSet;
use std::time::Duration;

use carillon_core::api_key::KeyType;
use carillon_core::id::{self, JobId};
use carillon_core::job::{JobEvent, JobStatus, RowChange};
use carillon_core::lane::Lane;
use carillon_core::queue::Queue;
use carillon_store::job::{NewJob, claim_chunk, finish, give_back_chunk, read};
use carillon_test_support::eventually;
use futures::future::join_all;
use uuid::Uuid;

use super::given::{given_service, job};
use crate::given::LEASE;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn chunks_are_claimed_in_the_order_of_the_file_until_none_is_free() {
    let given = given_service().await;
    let job_id = given.create(job(3, 2)).await;
    for number in 0..3 {
        let chunk = given.chunk(job_id).await;
        assert_eq!((chunk.chunk, chunk.attempt), (number, 1));
    }
    let claim = given.claim_under(job_id, Uuid::new_v4()).await;
    assert!(claim.chunk.is_none());
    assert_eq!(claim.status, JobStatus::InProgress);
}

#[tokio::test]
async fn there_is_nothing_to_do_for_a_job_that_is_not_there() {
    let given = given_service().await;
    let claim = claim_chunk(&given, JobId(id::mint()), Uuid::new_v4(), LEASE).await;
    assert!(claim.unwrap().is_none());
}

#[tokio::test]
async fn a_claimed_chunk_brings_what_its_rows_have_in_common() {
    let given = given_service().await;
    let mailing = NewJob {
        lane: Lane::Bulk,
        key_type: KeyType::Test,
        sender: Some("reply@example.org".to_owned()),
        ..job(1, 7)
    };
    let made = mailing.clone();
    let job_id = given.create(mailing).await;
    let token = Uuid::new_v4();
    let claim = given.claim_under(job_id, token).await;
    assert!(claim.service_is_active);
    assert_eq!(claim.row_change, None);
    assert_eq!(claim.status, JobStatus::InProgress);
    let chunk = claim.chunk.expect("a chunk is free");
    assert_eq!((chunk.job_id, chunk.token), (job_id, token));
    assert_eq!((chunk.chunk, chunk.n_rows), (0, 7));
    assert_eq!(chunk.service_id, made.service_id);
    assert_eq!(chunk.template_id, made.template_id);
    assert_eq!(chunk.template_version, made.template_version);
    assert_eq!(chunk.api_key_id, made.api_key_id);
    assert_eq!(chunk.key_type, made.key_type);
    assert_eq!((chunk.channel, chunk.lane), (made.channel, made.lane));
    assert_eq!(chunk.queue, Queue::ResearchMode);
    assert_eq!(chunk.sender, made.sender);
    assert_eq!(chunk.storage, made.storage);
    assert_eq!(chunk.trace, None);
}

#[tokio::test]
async fn a_claim_says_when_the_service_may_not_send() {
    let given = given_service().await;
    let job_id = given.create(job(1, 1)).await;
    given
        .database
        .execute("UPDATE services SET active = false")
        .await;
    let claim = given.claim_under(job_id, Uuid::new_v4()).await;
    assert!(!claim.service_is_active);
}

#[tokio::test]
async fn the_first_claim_sets_the_start_in_milliseconds_and_no_later_one_moves_it() {
    let given = given_service().await;
    let job_id = given.create(job(2, 1)).await;
    assert_eq!(given.job_row(job_id).await, "pending open=2");
    let first = given.chunk(job_id).await;
    assert_eq!(given.job_row(job_id).await, "in progress started open=2");
    assert_eq!(first.started_at.timestamp_subsec_micros() % 1_000, 0);

    given.database.advance_clock(LEASE * 2).await;
    given.moved(job_id, JobEvent::Paused).await;
    given.moved(job_id, JobEvent::Resumed).await;
    let again = given.chunk(job_id).await;
    assert_eq!((again.chunk, again.started_at), (0, first.started_at));
    let read = read(&given, job_id).await.unwrap();
    assert_eq!(read.started_at, Some(first.started_at));
}

#[tokio::test]
async fn a_job_that_was_paused_before_anybody_started_it_starts_when_it_goes_on() {
    let given = given_service().await;
    let job_id = given.create(job(1, 1)).await;
    given.moved(job_id, JobEvent::Paused).await;
    given.moved(job_id, JobEvent::Resumed).await;
    let chunk = given.chunk(job_id).await;
    let read = read(&given, job_id).await.unwrap();
    assert_eq!(read.started_at, Some(chunk.started_at));
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_start_a_job_at_the_same_moment_agree_when_it_was() {
    let given = given_service().await;
    for round in 0..60 {
        let job_id = given.create(job(4, 1)).await;
        // A worker may be told that nothing is free while another's claim is being written.
        let claim = || async {
            for _ in 0..100 {
                if let Some(chunk) = given.try_chunk(job_id).await {
                    return chunk;
                }
            }
            panic!("nothing is free for ever");
        };
        let claims = join_all((0..4).map(|_| claim())).await;
        let starts: BTreeSet<_> = claims.iter().map(|chunk| chunk.started_at).collect();
        let chunks: BTreeSet<_> = claims.iter().map(|chunk| chunk.chunk).collect();
        assert_eq!((starts.len(), chunks.len()), (1, 4), "round {round}");
        assert!(claims.iter().all(|chunk| chunk.attempt == 1));
        let read = read(&given, job_id).await.unwrap();
        assert_eq!(read.started_at.as_ref(), starts.first());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_chunk_is_in_two_hands_however_many_workers_claim() {
    let given = given_service().await;
    for _ in 0..5 {
        let job_id = given.create(job(30, 1)).await;
        let worker = || async {
            let mut held = Vec::new();
            while let Some(chunk) = given.try_chunk(job_id).await {
                assert_eq!(chunk.attempt, 1);
                held.push(chunk.chunk);
            }
            held
        };
        let held = join_all((0..6).map(|_| worker())).await;
        // A worker may be told that nothing is free while another's claim is being written.
        let rest = worker().await;
        let mut all: Vec<i32> = held.into_iter().flatten().chain(rest).collect();
        all.sort_unstable();
        assert_eq!(all, (0..30).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn the_same_token_gets_its_chunk_back_even_when_it_is_saved() {
    let given = given_service().await;
    let job_id = given.create(job(3, 2)).await;
    let token = Uuid::new_v4();
    // Each time the worker vanished that had it.
    for attempt in 1..4 {
        let chunk = given.claim_under(job_id, token).await.chunk.unwrap();
        assert_eq!((chunk.chunk, chunk.attempt), (0, attempt));
    }
    let chunk = given.claim_under(job_id, token).await.chunk.unwrap();
    assert_eq!(given.save_rows(&chunk).await.n_new, 2);
    for _ in 0..2 {
        let saved = given.claim_under(job_id, token).await.chunk.unwrap();
        assert_eq!(
            (saved.chunk, saved.attempt),
            (0, 4),
            "it did not crash them"
        );
    }
    // Also when it was the last of the job.
    given.save_all(job_id).await;
    assert!(finish(&given, job_id).await.unwrap());
    let saved = given.claim_under(job_id, token).await.chunk.unwrap();
    assert_eq!(saved.chunk, 0);
    assert_eq!(
        given.job_row(job_id).await,
        "finished started finished open=0"
    );
}

#[tokio::test]
async fn a_token_whose_chunk_another_looks_at_waits_for_it_and_takes_no_second_one() {
    let given = given_service().await;
    let job_id = given.create(job(2, 1)).await;
    let token = given.chunk(job_id).await.token;
    // As a claim does that chose the chunk when it was free, and finds that it is not.
    let other = given.database.client().await;
    let look =
        format!("BEGIN; SELECT FROM job_chunks WHERE job_id = '{job_id}' AND chunk = 0 FOR UPDATE");
    other.batch_execute(&look).await.unwrap();
    let looked = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        eventually("the claim waits", LEASE, async || {
            (given.database.number(waiting).await > 0).then_some(())
        })
        .await;
        other.batch_execute("COMMIT").await.unwrap();
    };
    let (claim, ()) = tokio::join!(given.claim_under(job_id, token), looked);
    let chunk = claim.chunk.expect("it is the token's");
    assert_eq!((chunk.chunk, chunk.attempt), (0, 2));
    assert_eq!(given.chunk(job_id).await.chunk, 1);
}

#[tokio::test]
async fn a_claim_under_the_same_token_renews_the_lease() {
    let given = given_service().await;
    let job_id = given.create(job(1, 1)).await;
    let token = Uuid::new_v4();
    for _ in 0..4 {
        assert!(given.claim_under(job_id, token).await.chunk.is_some());
        assert!(given.try_chunk(job_id).await.is_none());
        given.database.advance_clock(LEASE - SECOND).await;
    }
}

#[tokio::test]
async fn a_chunk_is_taken_over_when_its_lease_has_ended_and_not_before() {
    let given = given_service().await;
    let job_id = given.create(job(1, 1)).await;
    for attempt in 1..4 {
        let chunk = given.chunk(job_id).await;
        assert_eq!(chunk.attempt, attempt);
        given.database.advance_clock(LEASE - SECOND).await;
        assert!(given.try_chunk(job_id).await.is_none());
        given.database.advance_clock(SECOND * 2).await;
    }
}

#[tokio::test]
async fn a_chunk_that_was_given_back_is_free_when_the_wait_is_over() {
    let given = given_service().await;
    let job_id = given.create(job(1, 1)).await;
    let chunk = given.chunk(job_id).await;
    give_back_chunk(&given, &chunk, SECOND * 10).await.unwrap();
    assert!(given.claim_under(job_id, chunk.token).await.chunk.is_none());
    assert!(!given.save_rows(&chunk).await.is_ours);
    given.database.advance_clock(SECOND * 11).await;
    let again = given.chunk(job_id).await;
    assert_eq!(
        (again.chunk, again.attempt),
        (0, 1),
        "it was tried by nobody"
    );
    // It is another's now.
    give_back_chunk(&given, &chunk, Duration::ZERO)
        .await
        .unwrap();
    assert!(given.try_chunk(job_id).await.is_none());
    assert!(given.save_rows(&again).await.is_ours);
    give_back_chunk(&given, &again, Duration::ZERO)
        .await
        .unwrap();
    assert!(given.try_chunk(job_id).await.is_none());
    assert_eq!(given.job_row(job_id).await, "in progress started open=0");
}

#[tokio::test]
async fn a_job_that_may_not_go_on_gives_no_chunk() {
    let given = given_service().await;
    let job_id = given.create(job(2, 1)).await;
    let token = given.chunk(job_id).await.token;
    for status in JobStatus::ALL {
        let goes_on = matches!(status, JobStatus::Pending | JobStatus::InProgress);
        if goes_on || *status == JobStatus::Finished {
            continue;
        }
        let set = format!("UPDATE jobs SET status = '{status}', row_change = 'cancel'");
        given.database.execute(&set).await;
        for token in [token, Uuid::new_v4()] {
            let claim = given.claim_under(job_id, token).await;
            assert!(claim.chunk.is_none(), "{status}");
            assert_eq!(claim.status, *status);
            assert_eq!(claim.row_change, Some(RowChange::Cancel));
        }
    }
}

#[tokio::test]
async fn a_storage_that_is_away_for_long_does_not_count_against_a_chunk() {
    let given = given_service().await;
    let job_id = given.create(job(1, 1)).await;
    for _ in 0..50 {
        let chunk = given.chunk(job_id).await;
        assert_eq!(chunk.attempt, 1);
        give_back_chunk(&given, &chunk, SECOND).await.unwrap();
        given.database.advance_clock(SECOND * 2).await;
    }
}

#[tokio::test]
async fn a_job_that_is_let_go_on_begins_anew_with_chunks_that_nobody_holds() {
    let given = given_service().await;
    let job_id = given.create(job(3, 1)).await;
    given.save_rows(&given.chunk(job_id).await).await;
    let token = Uuid::new_v4();
    for _ in 0..21 {
        given.claim_under(job_id, token).await;
    }
    let held = given.chunk(job_id).await;
    given.moved(job_id, JobEvent::Failed).await;
    given.moved(job_id, JobEvent::Resumed).await;
    // Without waiting for a lease.
    for number in 1..3 {
        let chunk = given.chunk(job_id).await;
        assert_eq!((chunk.chunk, chunk.attempt), (number, 1));
    }
    assert!(!given.save_rows(&held).await.is_ours);
    assert_eq!(
        given.count("job_chunks WHERE saved_at IS NOT NULL").await,
        1
    );
}

#[tokio::test]
async fn stopping_a_job_takes_no_chunk_away() {
    let given = given_service().await;
    let job_id = given.create(job(1, 1)).await;
    let held = given.chunk(job_id).await;
    given.moved(job_id, JobEvent::Paused).await;
    let lease = format!("job_chunks WHERE lease_token = '{}'", held.token);
    assert_eq!(given.count(&lease).await, 1);
}

#[tokio::test]
async fn a_claim_that_loses_the_race_against_a_pause_leaves_no_lease() {
    let given = given_service().await;
    let job_id = given.create(job(1, 1)).await;
    // The claim sees a pending job and waits for its row; then it is paused.
    let other = given.database.client().await;
    let pause = format!("BEGIN; UPDATE jobs SET status = 'paused' WHERE id = '{job_id}'");
    other.batch_execute(&pause).await.unwrap();
    let paused = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        eventually("the claim waits", LEASE, async || {
            (given.database.number(waiting).await > 0).then_some(())
        })
        .await;
        other.batch_execute("COMMIT").await.unwrap();
    };
    let (claim, ()) = tokio::join!(given.claim_under(job_id, Uuid::new_v4()), paused);
    assert!(claim.chunk.is_none());
    assert_eq!(claim.status, JobStatus::Paused);
    assert_eq!(
        given
            .count("job_chunks WHERE lease_token IS NOT NULL")
            .await,
        0
    );
}

#[tokio::test]
async fn what_is_claimed_is_named_and_not_shown() {
    let given = given_service().await;
    let mailing = NewJob {
        sender: Some("ada@example.org".to_owned()),
        name: "For Ada".to_owned(),
        ..job(1, 1)
    };
    let job_id = given.create(mailing).await;
    let claim = given.claim_under(job_id, Uuid::new_v4()).await;
    let job = read(&given, job_id).await.unwrap();
    for shown in [format!("{claim:?}"), format!("{job:?}")] {
        assert!(shown.contains(&job_id.to_string()), "{shown}");
        assert!(!shown.contains("ada@") && !shown.contains("Ada"), "{shown}");
    }
}
