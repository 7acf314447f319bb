use std::time::Instant;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use carillon_test_support::{Step, WireFault, free_port};

use super::*;

/// A bucket at an endpoint.
pub(super) fn bucket(endpoint: &str, prefix: &str, answers_within: Duration) -> Objects {
    // Every binary does so at its start.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let credentials = Credentials::new("AKIAEXAMPLE", "secret-key", None, None, "test");
    let account = Account {
        region: "us-east-1".to_owned(),
        endpoint: Some(endpoint.to_owned()),
        credentials: SharedCredentialsProvider::new(credentials),
    };
    let location = Location::Bucket {
        name: "mailings".to_owned(),
        prefix: prefix.to_owned(),
    };
    let bucket = Bucket::open("mailings", prefix, account, answers_within).unwrap();
    Objects::new(&location, Place::Bucket(bucket), answers_within)
}

/// What every call answers.
async fn errors(objects: &Objects) -> [Error; 4] {
    let bytes = Bytes::from_static(b"x");
    [
        objects.put(chunk(1, 0), bytes).await.unwrap_err(),
        objects.get(chunk(1, 0)).await.unwrap_err(),
        objects.remove(job(1)).await.unwrap_err(),
        objects.jobs(None, 1).await.unwrap_err(),
    ]
}

fn xml(status: u16, code: &str) -> Step {
    let body = format!("<Error><Code>{code}</Code><Message>for x@example.com</Message></Error>");
    Step::answer(status, "application/xml", body)
}

#[tokio::test]
async fn an_endpoint_where_nothing_listens_is_a_transient_error_soon() {
    let objects = bucket(
        &format!("http://127.0.0.1:{}", free_port()),
        "",
        ANSWERS_WITHIN,
    );
    let begun = Instant::now();
    for error in errors(&objects).await {
        assert!(error.is_transient(), "{error}");
        assert!(error.to_string().contains("no connection"), "{error}");
    }
    assert!(begun.elapsed() < 4 * ANSWERS_WITHIN);
}

#[tokio::test]
async fn an_endpoint_that_hangs_is_a_transient_error_in_time() {
    let server = WireFault::start([Step::Hang]).await;
    let answers_within = Duration::from_millis(200);
    let objects = bucket(&server.url(), "", answers_within);
    let begun = Instant::now();
    for error in errors(&objects).await {
        assert!(error.is_transient(), "{error}");
    }
    assert!(begun.elapsed() >= 4 * answers_within);
    assert!(begun.elapsed() < ANSWERS_WITHIN);
}

#[tokio::test]
async fn a_server_in_trouble_is_asked_again_a_few_times() {
    let server = WireFault::start([xml(503, "SlowDown")]).await;
    let objects = bucket(&server.url(), "", Duration::from_secs(2));
    let error = objects.get(chunk(1, 0)).await.unwrap_err();
    assert_eq!(error, Error::Unavailable("status 503, SlowDown".to_owned()));
    assert_eq!(server.requests().len(), 4);

    let written = Step::Answer {
        status: 200,
        headers: vec![("etag", "\"x\"".to_owned())],
        body: String::new(),
    };
    let server = WireFault::start([xml(503, "SlowDown"), written]).await;
    let objects = bucket(&server.url(), "", ANSWERS_WITHIN);
    write(&objects, chunk(1, 0), "x").await;
}

#[tokio::test]
async fn a_refusal_says_why_and_quotes_neither_the_answer_nor_the_key() {
    let server = WireFault::start([xml(403, "InvalidAccessKeyId")]).await;
    let objects = bucket(&server.url(), "", ANSWERS_WITHIN);
    for error in errors(&objects).await {
        assert_eq!(
            error,
            Error::Refused("status 403, InvalidAccessKeyId".to_owned())
        );
    }
    let shown = format!("{objects:?}");
    assert_eq!(shown, "Objects(\"s3://mailings\")");
}

#[tokio::test]
async fn only_a_missing_object_is_none() {
    let server = WireFault::start([
        xml(404, "NoSuchKey"),
        xml(404, "NoSuchBucket"),
        Step::answer(404, "text/html", "<h1>Not found</h1>"),
    ])
    .await;
    let objects = bucket(&server.url(), "", ANSWERS_WITHIN);
    assert_eq!(objects.get(chunk(1, 0)).await, Ok(None));
    for reason in ["status 404, NoSuchBucket", "status 404"] {
        let error = objects.get(chunk(1, 0)).await.unwrap_err();
        assert_eq!(error, Error::Refused(reason.to_owned()));
    }
}
