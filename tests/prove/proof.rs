//! The proof: whatever dies, what was accepted is sent, once, or it says why; and one idempotency
//! key is one message.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use carillon_chaos::{Options, Scope, run};
use carillon_test_support::{Member, Stack, StackOptions, eventually};
use futures::StreamExt;
use serde_json::{Value, json};

const SEEDS: [u64; 5] = [11, 12, 13, 14, 15];
const MESSAGES: usize = 20_000;
const KILLS: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn five_seeds_of_20_000_messages_and_40_kills_keep_every_promise() {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut broken = Vec::new();
    for seed in SEEDS {
        let options = Options {
            seed,
            messages: MESSAGES,
            kills: KILLS,
            scope: Scope::Full,
            out: checkout.join(".dev/chaos"),
            checkout: Some(checkout.to_owned()),
        };
        let report = run(&options, |text| eprintln!("{text}")).await;
        let report = report.unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
        println!("{}", report.table());
        if !report.is_good() {
            broken.push(report.folder);
        }
    }
    assert!(broken.is_empty(), "see {broken:?}");
}

/// Posts at the same time.
const POSTS: usize = 1_000;
/// The API is killed when so many have been answered, with all others under way.
const KILLED_AFTER: usize = 100;
/// A client that is told that its key is in use asks again after this time.
const BUSY_FOR: Duration = Duration::from_secs(1);
/// A client that gets no answer asks again with its key for so long.
const ASKED_FOR: Duration = Duration::from_secs(60);

/// One answer: its status, 0 if there was none, and its body.
type Answer = (u16, Value);

/// What was answered so far: all answers, and of them those by which the key was in use.
#[derive(Default)]
struct Answered {
    all: AtomicUsize,
    busy: AtomicUsize,
}

/// Posts one message with one key until it is answered with something else than 409 or 5xx.
async fn post(client: &reqwest::Client, stack: &Stack, key: &str, answered: &Answered) -> Answer {
    let body = json!({
        "email_address": "ada@example.org", "template_id": stack.demo("EMAIL_TEMPLATE_ID"),
        "personalisation": { "name": "Ada" }, "reference": key,
    });
    let url = format!("{}/email", stack.api_url);
    eventually("an answer", ASKED_FOR, async || {
        let post = client.post(&url).header("Authorization", stack.key());
        let post = post.header("Idempotency-Key", key).json(&body);
        let answer = post.send().await.ok()?;
        let status = answer.status().as_u16();
        let body = answer.json().await.ok()?;
        answered.all.fetch_add(1, Ordering::Relaxed);
        if status == 409 {
            answered.busy.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(BUSY_FOR).await;
            return None;
        }
        (status < 500).then_some((status, body))
    })
    .await
}

/// Posts all at the same time.
async fn posts(stack: &Stack, key: &str, answered: &Answered) -> Vec<Answer> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(60));
    let client = client.build().unwrap();
    futures::stream::iter(0..POSTS)
        .map(|_| post(&client, stack, key, answered))
        .buffer_unordered(POSTS)
        .collect()
        .await
}

/// One message, one provider call, and one answer for all.
async fn assert_once(stack: &Stack, key: &str, answers: &[Answer], answered: &Answered) {
    let n_busy = answered.busy.load(Ordering::Relaxed);
    println!(
        "{key}: {} answers, of them 409 {n_busy} times",
        answered.all.load(Ordering::Relaxed)
    );
    assert_eq!(answers.len(), POSTS);
    let (status, first) = &answers[0];
    assert_eq!(*status, 201, "{first}");
    let other = answers.iter().find(|answer| **answer != answers[0]);
    assert_eq!(other, None, "another answer than {first}");
    let id = first["id"].as_str().unwrap();
    stack.until_status(id, "delivered").await;
    stack.assert_settled().await;
    let query = format!("SELECT count(*) FROM notifications WHERE reference = '{key}'");
    assert_eq!(stack.database.number(&query).await, 1, "messages");
    let calls = stack.sandbox_calls().await;
    let n_calls = calls.iter().filter(|call| call["id"] == id).count();
    assert_eq!((n_calls, calls.len()), (1, 1), "provider calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_posts_at_once_with_one_key_are_one_message() {
    let stack = Stack::start(StackOptions::default()).await;
    let answered = Answered::default();
    let answers = posts(&stack, "one-key", &answered).await;
    assert_once(&stack, "one-key", &answers, &answered).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_posts_with_one_key_are_one_message_though_the_api_is_killed_amid_them() {
    let mut stack = Stack::start(StackOptions::default()).await;
    // One of our own in its place, which can be killed while the stack is in use.
    stack.kill_api();
    let mut api = stack.another(Member::Api, &[]);
    eventually("the API answers", ASKED_FOR, async || {
        let key = stack.key();
        let asked = stack.request(reqwest::Method::GET, "/v2/templates", &key, None);
        matches!(asked.await, Ok((200, _))).then_some(())
    })
    .await;
    let answered = Answered::default();
    let killing = async {
        eventually("some are answered", ASKED_FOR, async || {
            (answered.all.load(Ordering::Relaxed) >= KILLED_AFTER).then_some(())
        })
        .await;
        api.kill();
        stack.another(Member::Api, &[])
    };
    let (answers, _api) = tokio::join!(posts(&stack, "killed-key", &answered), killing);
    assert_once(&stack, "killed-key", &answers, &answered).await;
}
