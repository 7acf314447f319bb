//! An API that dies, or loses PostgreSQL, while it makes a job: the client is never told what is not
//! so, and no mailing goes out twice.

mod lost_commit;

use std::time::Duration;

use carillon_test_support::{Member, Stack, StackOptions, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use super::uploads::Upload;
use super::{WITHIN, file, id, until};
use lost_commit::{LostCommit, Then};

fn ada() -> String {
    file(["ada@example.org,Ada\n".to_owned()])
}

async fn n_jobs(stack: &Stack) -> i64 {
    stack.database.number("SELECT count(*) FROM jobs").await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_killed_before_or_after_the_commit_answers_nothing_and_keeps_what_is_committed() {
    let folder = tempfile::tempdir().unwrap();
    let storage = format!("file://{}", folder.path().display());
    let mut stack = Stack::start(StackOptions {
        env: vec![
            ("CARILLON__JOBS__STORAGE", storage),
            ("CARILLON__POLLER__RESCUE_INTERVAL_MS", "500".to_owned()),
            ("CARILLON__POLLER__MARKER_INTERVAL_MS", "500".to_owned()),
        ],
        ..StackOptions::default()
    })
    .await;
    for (point, n_kept) in [("api.jobs.payload-stored", 0), ("api.jobs.created", 1)] {
        stack.kill_api();
        let crash = [("FAILPOINTS", format!("{point}=return"))];
        stack.start_api(&crash).await;
        let body = json!({
            "template_id": stack.demo("EMAIL_TEMPLATE_ID"), "name": point, "csv": ada(),
        });
        let answer = stack
            .request(Method::POST, "/bulk", &stack.key(), Some(&body))
            .await;
        assert!(answer.is_err(), "{point}: {answer:?}");
        let ended = stack.process(Member::Api).ended(Duration::from_secs(30));
        assert!(!ended.await.success(), "{point}");
        stack.start_api(&[]).await;
        assert_eq!(n_jobs(&stack).await, n_kept, "{point}");
    }
    // Minutes later the watermark proves that nobody goes on with it.
    stack.database.advance_clock(Duration::from_secs(120)).await;
    let (_, page) = stack.get("/api/jobs", &stack.admin()).await;
    until(&stack, id(&page["jobs"][0]), "finished", ("delivered", 1)).await;
    stack.assert_settled().await;
}

/// An installation whose API reaches PostgreSQL through what loses the answer to its first commit.
async fn behind(then: Then) -> (Stack, LostCommit) {
    let database = carillon_test_support::TestDatabase::create().await;
    let proxy = LostCommit::start(&database.url, then).await;
    let stack = Stack::start(StackOptions {
        database: Some(database),
        api_env: vec![("DATABASE_URL", proxy.url.clone())],
        ..StackOptions::default()
    })
    .await;
    (stack, proxy)
}

/// The answer to a mailing: status, whether trying again is advised, and what it says.
async fn post(stack: &Stack, upload: Upload) -> (u16, bool, Value) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/bulk{}", stack.api_url, upload.query);
    let mut request = client.post(url).header("Authorization", stack.key());
    for (name, value) in upload.headers {
        request = request.header(name, value);
    }
    let answer = request.body(upload.body).send().await.unwrap();
    let status = answer.status().as_u16();
    let advises = answer.headers().contains_key("retry-after");
    (status, advises, answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_found_out_and_the_mailing_goes_out_once() {
    let (stack, proxy) = behind(Then::GoOn).await;
    let upload = Upload::csv(&stack, "text/csv", ada());
    let (status, _, answer) = post(&stack, upload).await;
    assert!(proxy.has_lost_one());
    assert_eq!(status, 201, "{answer}");
    assert_eq!(n_jobs(&stack).await, 1);
    let made = &answer["data"];
    until(&stack, id(made), "finished", ("delivered", 1)).await;
    assert_eq!(stack.sandbox_calls().await.len(), 1);
    stack.assert_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_cannot_find_out_says_so_and_names_the_job() {
    let (stack, proxy) = behind(Then::Refuse).await;
    let upload = Upload::csv(&stack, "text/csv", ada());
    let (status, advises, answer) = post(&stack, upload).await;
    assert!(proxy.has_lost_one());
    assert_eq!((status, advises), (503, false), "{answer}");
    let text = answer["errors"][0]["message"].as_str().unwrap();
    assert!(text.contains("Do not post it again"), "{text}");
    let words = text.split_whitespace();
    let path = words
        .clone()
        .find(|word| word.starts_with("/bulk/"))
        .unwrap();
    // Once PostgreSQL is back, so is the answer.
    proxy.heal();
    eventually("the job can be read", WITHIN, async || {
        let (status, answer) = stack.get(path, &stack.key()).await;
        (status == 200 && answer["data"]["notification_count"] == 1).then_some(())
    })
    .await;
    assert_eq!(n_jobs(&stack).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_mailing_is_taken_by_a_slow_disk() {
    let stack = Stack::start(StackOptions::default()).await;
    stack
        .database
        .execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM pg_sleep(7); RETURN NULL; END $$; \
             CREATE TRIGGER slow AFTER INSERT ON job_payloads FOR EACH STATEMENT \
             EXECUTE FUNCTION slow()",
        )
        .await;
    // What does not pack: some megabytes of payload.
    let rows = (0..500).map(|n| {
        let noise: String = (0..600).map(|_| uuid::Uuid::new_v4().to_string()).collect();
        format!("n{n}@example.org,{noise}\n")
    });
    // A place for it, and no deliveries of megabytes.
    let at = carillon_core::clock::now() + chrono::Duration::hours(1);
    let mut upload = Upload::csv(&stack, "text/csv", file(rows));
    upload.query += &format!("&scheduled_for={}", at.format("%Y-%m-%dT%H:%M:%SZ"));
    let (status, _, answer) = post(&stack, upload).await;
    assert_eq!(status, 201, "{answer}");
    let n_bytes = "SELECT sum(length(payload)) FROM job_payloads";
    assert!(stack.database.number(n_bytes).await > 4 << 20);
}
