//! Making a job: all of it or nothing.

use carillon_core::api_key::KeyType;
use carillon_core::id::{self, JobId, SenderId, ServiceId};
use carillon_core::job::JobStatus;
use carillon_core::lane::Lane;
use carillon_core::trace::TraceContext;
use carillon_store::Error;
use carillon_store::job::{ChunkOf, NewJob, create, payload, read};
use chrono::Duration;
use uuid::Uuid;

use super::given::{given_service, job, job_of, row};
use crate::given::Given;

/// Nothing of any job is in the database.
async fn assert_nothing(given: &Given) {
    for table in ["jobs", "job_chunks", "job_payloads"] {
        assert_eq!(given.count(table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn a_job_is_read_back_as_it_was_made() {
    let given = given_service().await;
    let scheduled_for = carillon_core::clock::now() + Duration::hours(4);
    let full = NewJob {
        api_key_id: None,
        key_type: KeyType::Team,
        lane: Lane::Priority,
        name: "Änne’s 🐈".to_owned(),
        sender_id: Some(SenderId(id::mint())),
        sender: Some("reply@example.org".to_owned()),
        scheduled_for: Some(scheduled_for),
        n_invalid_rows: 2,
        retry_of: Some(JobId(id::mint())),
        ..job_of(&[&[1, 2, 5], &[6]])
    };
    let created_at = create(&given, full.clone()).await.unwrap();
    let read = read(&given, full.id).await.unwrap();
    assert_eq!(read.service_id, full.service_id);
    assert_eq!(read.template_id, full.template_id);
    assert_eq!(read.template_version, full.template_version);
    assert_eq!(read.api_key_id, None);
    assert_eq!(read.key_type, full.key_type);
    assert_eq!(read.retry_of, full.retry_of);
    assert_eq!(read.channel, full.channel);
    assert_eq!(read.lane, full.lane);
    assert_eq!(read.name, full.name);
    assert_eq!(read.sender_id, full.sender_id);
    assert_eq!(read.sender, full.sender);
    assert_eq!(read.status, JobStatus::Scheduled);
    assert_eq!((read.n_rows, read.n_invalid_rows), (4, 2));
    assert_eq!(read.storage, payload::IN_POSTGRES);
    assert_eq!(read.created_at, created_at);
    let asked_for = read.scheduled_for.expect("it is scheduled");
    assert_eq!(
        asked_for.timestamp_micros(),
        scheduled_for.timestamp_micros()
    );
    let none_yet = (read.status_reason, read.row_change);
    assert_eq!(none_yet, (None, None));
    assert_eq!((read.started_at, read.finished_at), (None, None));
}

#[tokio::test]
async fn what_the_chunks_hold_is_read_back_and_so_are_the_refused_rows() {
    let given = given_service().await;
    let csv = b"email address\nnobody\n".to_vec();
    let mailing = NewJob {
        invalid_rows: Some(csv.clone()),
        n_invalid_rows: 2,
        ..job_of(&[&[1, 2, 5], &[6]])
    };
    let job_id = given.create(mailing).await;
    let first = given.chunk(job_id).await;
    assert_eq!((first.chunk, first.n_rows), (0, 3));
    assert_eq!(given.rows_of(&first).await, [row(1), row(2), row(5)]);
    let second = given.chunk(job_id).await;
    assert_eq!((second.chunk, second.n_rows), (1, 1));
    assert_eq!(given.rows_of(&second).await, [row(6)]);
    let refused = payload::read_invalid_rows(&given, job_id).await.unwrap();
    assert_eq!(refused, Some(csv));
    let beyond = payload::read_chunk(&given, job_id, 2).await.unwrap();
    assert_eq!(beyond, None);
    let spans = given
        .count(
            "job_chunks WHERE (chunk, first_row, last_row, n_rows) IN ((0, 1, 5, 3), (1, 6, 6, 1))",
        )
        .await;
    assert_eq!(spans, 2);
}

#[tokio::test]
async fn a_job_whose_payload_is_outside_has_none_here() {
    let given = given_service().await;
    let outside = |chunk| ChunkOf {
        payload: None,
        ..chunk
    };
    let mut mailing = job(3, 2);
    mailing.storage = "s3://bucket/prefix".to_owned();
    mailing.chunks = mailing.chunks.into_iter().map(outside).collect();
    let job_id = given.create(mailing).await;
    assert_eq!(given.count("job_payloads").await, 0);
    let nothing = payload::read_chunk(&given, job_id, 0).await.unwrap();
    assert_eq!(nothing, None);
    let refused = payload::read_invalid_rows(&given, job_id).await.unwrap();
    assert_eq!(refused, None);
    let chunk = given.chunk(job_id).await;
    assert_eq!(chunk.storage, "s3://bucket/prefix");
}

#[tokio::test]
async fn a_job_of_a_service_that_is_not_there_leaves_nothing() {
    let given = given_service().await;
    let strange = NewJob {
        service_id: ServiceId(id::mint()),
        ..job(3, 2)
    };
    let gone = create(&given, strange).await.map_err(|error| error.cause);
    assert!(matches!(gone, Err(Error::Gone)), "{gone:?}");
    assert_nothing(&given).await;
}

#[tokio::test]
async fn a_job_that_postgresql_never_takes_leaves_nothing() {
    let given = given_service().await;
    let without_rows = NewJob {
        chunks: Vec::new(),
        ..job(1, 1)
    };
    let mut with_an_empty_chunk = job(2, 2);
    with_an_empty_chunk.chunks[1].n_rows = 0;
    let nameless = NewJob {
        name: String::new(),
        ..job(1, 1)
    };
    let unstorable = NewJob {
        name: "a\0b".to_owned(),
        ..job(1, 1)
    };
    for poison in [without_rows, with_an_empty_chunk, nameless, unstorable] {
        let refused = create(&given, poison).await.map_err(|error| error.cause);
        assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
        assert_nothing(&given).await;
    }
}

#[tokio::test]
async fn a_job_made_again_is_a_conflict_and_stays_as_it_is() {
    let given = given_service().await;
    let first = job(2, 2);
    let again = NewJob {
        name: "December".to_owned(),
        ..job(3, 3)
    };
    let again = NewJob {
        id: first.id,
        ..again
    };
    let job_id = given.create(first).await;
    let conflict = create(&given, again).await.map_err(|error| error.cause);
    assert!(
        matches!(conflict, Err(Error::Conflict { .. })),
        "{conflict:?}"
    );
    assert_eq!(read(&given, job_id).await.unwrap().name, "November");
    assert_eq!(given.job_row(job_id).await, "pending open=2");
    assert_eq!(given.count("job_payloads").await, 2);
}

#[tokio::test]
async fn a_job_counts_as_sent_on_when_it_is_made() {
    let given = given_service().await;
    let job_id = given.create(job(1, 1)).await;
    let sent_on = given.count("jobs WHERE relayed_at = created_at").await;
    assert_eq!(
        (sent_on, given.job_row(job_id).await.as_str()),
        (1, "pending open=1")
    );
}

#[tokio::test]
async fn the_trace_of_the_request_goes_with_the_chunks_if_it_is_recorded() {
    let given = given_service().await;
    for is_sampled in [true, false] {
        let trace = TraceContext {
            trace_id: Uuid::new_v4().as_u128(),
            span_id: u64::MAX - 1,
            is_sampled,
        };
        let mailing = NewJob {
            trace: Some(trace),
            ..job(1, 1)
        };
        let job_id = given.create(mailing).await;
        let chunk = given.chunk(job_id).await;
        assert_eq!(chunk.trace, is_sampled.then_some(trace));
    }
}
