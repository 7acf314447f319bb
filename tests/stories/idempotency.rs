//! Idempotency keys: whatever a client does about an answer that it did not get, one message goes out.

mod bulk;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use carillon_test_support::{Member, OwnPostgres, Stack, StackOptions, eventually, free_port};
use futures::{StreamExt, stream};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// What a request was answered, byte by byte.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    status: u16,
    is_replay: bool,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn id(&self) -> String {
        assert_eq!(self.status, 201, "{}", String::from_utf8_lossy(&self.body));
        self.json()["id"].as_str().unwrap().to_owned()
    }

    fn error(&self) -> (u16, String) {
        let error = self.json()["errors"][0]["error"].take();
        (self.status, error.as_str().unwrap_or_default().to_owned())
    }
}

/// With a time-out: a request that waits for a connection to a process that is killed may wait for ever.
fn client() -> Client {
    // Loopback only: reading the roots of TLS takes longer than what is measured here.
    let client = Client::builder().no_proxy().tls_certs_only([]);
    client.timeout(Duration::from_secs(30)).build().unwrap()
}

async fn answer(request: RequestBuilder) -> reqwest::Result<Answer> {
    let answer = request.send().await?;
    Ok(Answer {
        status: answer.status().as_u16(),
        is_replay: answer.headers().get("idempotency-replayed").is_some(),
        body: answer.bytes().await?.to_vec(),
    })
}

fn request(client: &Client, stack: &Stack, base: &str, key: &str, body: &Value) -> RequestBuilder {
    client
        .post(format!("{base}/email"))
        .header("Authorization", stack.key())
        .header("Idempotency-Key", key)
        .body(body.to_string())
}

async fn try_post(stack: &Stack, key: &str, body: &Value) -> reqwest::Result<Answer> {
    answer(request(&client(), stack, &stack.api_url, key, body)).await
}

async fn post(stack: &Stack, key: &str, body: &Value) -> Answer {
    try_post(stack, key, body).await.unwrap()
}

fn email(stack: &Stack, name: &str) -> Value {
    json!({
        "email_address": "ada@example.org",
        "template_id": stack.demo("EMAIL_TEMPLATE_ID"),
        "personalisation": { "name": name },
    })
}

async fn n_notifications(stack: &Stack) -> i64 {
    let count = "SELECT count(*) FROM notifications";
    stack.database.number(count).await
}

async fn until_delivered(stack: &Stack, n: i64) {
    let what = format!("{n} are delivered");
    eventually(&what, Duration::from_secs(90), async || {
        (stack.status_count("delivered").await == n).then_some(())
    })
    .await;
}

/// Everything is delivered, with one call each.
async fn all_are_delivered_once(stack: &Stack, n: i64) {
    stack.assert_settled().await;
    assert_eq!(n_notifications(stack).await, n);
    assert_eq!(stack.status_count("delivered").await, n);
    let stats = stack.sandbox_stats().await;
    let once = (&stats["duplicates"], &stats["distinct_ids"]);
    assert_eq!(once, (&0.into(), &n.into()), "{stats}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_is_answered_the_same_for_a_day_and_sent_once() {
    let stack = Stack::start(StackOptions::default()).await;
    let ada = email(&stack, "Ada");
    let first = post(&stack, "order-7", &ada).await;
    assert!(!first.is_replay);
    let replay = Answer {
        is_replay: true,
        ..first.clone()
    };
    assert_eq!(post(&stack, "order-7", &ada).await, replay);
    let (status, _) = stack
        .get(&format!("/v2/notifications/{}", first.id()), &stack.key())
        .await;
    assert_eq!(status, 200);

    // Another body, another channel, and a test key, which sends to nobody.
    let mismatch = (422, "IdempotencyMismatchError".to_owned());
    let other = post(&stack, "order-7", &email(&stack, "Bo")).await;
    assert_eq!(other.error(), mismatch);
    for (path, auth) in [
        ("/sms", stack.key()),
        (
            "/email",
            format!("ApiKey-v1 {}", stack.demo("API_KEY_TEST")),
        ),
    ] {
        let request = client()
            .post(format!("{}{path}", stack.api_url))
            .header("Authorization", auth)
            .header("Idempotency-Key", "order-7");
        let other = answer(request.body(ada.to_string())).await.unwrap();
        assert_eq!(other.error(), mismatch, "{path}");
    }

    // What is refused uses no key.
    let nobody = json!({ "template_id": stack.demo("EMAIL_TEMPLATE_ID") });
    assert_eq!(post(&stack, "order-8", &nobody).await.status, 400);
    let corrected = post(&stack, "order-8", &ada).await;
    assert_ne!(corrected.id(), first.id());

    // The template goes, the answer stays.
    let (service, template) = (stack.demo("SERVICE_ID"), stack.demo("EMAIL_TEMPLATE_ID"));
    let path = format!("/api/services/{service}/templates/{template}");
    let archive = async |archived: bool| {
        let change = json!({ "archived": archived });
        let method = reqwest::Method::PATCH;
        let auth = stack.admin();
        let changed = stack.request(method, &path, &auth, Some(&change)).await;
        assert_eq!(changed.unwrap().0, 204);
    };
    archive(true).await;
    let what = "the template is known to be archived";
    eventually(what, Duration::from_secs(20), async || {
        let key = format!("archived-{}", uuid::Uuid::new_v4());
        let refused = post(&stack, &key, &ada).await;
        (refused.status == 400).then_some(())
    })
    .await;
    assert_eq!(post(&stack, "order-7", &ada).await, replay);
    archive(false).await;
    let before = n_notifications(&stack).await;
    until_delivered(&stack, before).await;

    // A day later all are as unknown as any, and the clean-up removes them.
    stack.database.advance_clock(DAY).await;
    let anew = eventually(
        "the template is back",
        Duration::from_secs(20),
        async || {
            let anew = post(&stack, "order-7", &ada).await;
            (anew.status == 201).then_some(anew)
        },
    )
    .await;
    assert!(!anew.is_replay && anew.id() != first.id());
    let left = "SELECT count(*) FROM idempotency_keys WHERE key <> 'order-7'";
    eventually("old keys go", Duration::from_secs(60), async || {
        (stack.database.number(left).await == 0).then_some(())
    })
    .await;
    let metrics = reqwest::get(format!("{}/metrics", stack.api_url)).await;
    let metrics = metrics.unwrap().text().await.unwrap();
    for counted in ["mismatch\"} 3", "replayed\"} 2"] {
        let line = format!("carillon_idempotency_total{{result=\"{counted}");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
    all_are_delivered_once(&stack, before + 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_at_once_one_is_sent_though_an_api_dies_among_them() {
    let mut stack = Stack::start(StackOptions::default()).await;
    let first = format!("{}/", stack.api_url);
    let port = free_port();
    let second = format!("http://127.0.0.1:{port}");
    let listen = ("CARILLON__API__LISTEN", format!("127.0.0.1:{port}"));
    let _other = stack.another(Member::Api, &[listen]);
    let client = client();
    eventually("the second is ready", Duration::from_secs(60), async || {
        let ready = client.get(format!("{second}/readyz")).send().await.ok()?;
        ready.status().is_success().then_some(())
    })
    .await;

    let ada = email(&stack, "Ada");
    let posts: Vec<_> = (0..1_000)
        .map(|n| {
            let base = if n % 2 == 0 { &stack.api_url } else { &second };
            answer(request(&client, &stack, base, "once", &ada))
        })
        .collect();
    let (mut accepted, mut n_conflicts) = (BTreeSet::new(), 0);
    let mut answers = stream::iter(posts).buffer_unordered(200);
    let mut n_seen = 0;
    while let Some(answer) = answers.next().await {
        n_seen += 1;
        if n_seen == 100 {
            stack.kill_api();
        }
        match answer {
            Ok(answer) if answer.status == 201 => {
                accepted.insert(answer.body);
            }
            Ok(answer) if answer.status == 409 => {
                assert_eq!(answer.error().1, "ConflictError");
                n_conflicts += 1;
            }
            // Those that the first was asked, once it was dead.
            Err(error)
                if error
                    .url()
                    .is_some_and(|url| url.as_str().starts_with(&first)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(n_conflicts > 0);
    assert_eq!(accepted.len(), 1, "every 201 is the same");
    stack.start_api(&[]).await;
    let again = post(&stack, "once", &ada).await;
    assert!(again.is_replay && accepted.contains(&again.body));
    stack.until_status(&again.id(), "delivered").await;
    all_are_delivered_once(&stack, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_killed_at_any_moment_has_accepted_all_or_nothing() {
    let mut stack = Stack::start(StackOptions {
        env: vec![
            ("CARILLON__POLLER__RESCUE_INTERVAL_MS", "500".to_owned()),
            ("CARILLON__POLLER__MARKER_INTERVAL_MS", "500".to_owned()),
        ],
        ..StackOptions::default()
    })
    .await;
    let mut n_sent = 0;
    for (point, is_accepted) in [
        ("api.keyed.before-transaction", false),
        ("api.keyed.committed", true),
        ("api.keyed.published", true),
    ] {
        let body = email(&stack, point);
        stack.kill_api();
        let crash = [("FAILPOINTS", format!("{point}=return"))];
        stack.start_api(&crash).await;
        assert!(try_post(&stack, point, &body).await.is_err(), "{point}");
        let ended = stack.process(Member::Api).ended(Duration::from_secs(30));
        assert!(!ended.await.success(), "{point}");
        stack.start_api(&[]).await;
        let again = post(&stack, point, &body).await;
        assert_eq!(again.is_replay, is_accepted, "{point}");
        n_sent += 1;
        if point == "api.keyed.committed" {
            // It is on its way and in no queue; minutes later the watermark proves it.
            stack.database.advance_clock(Duration::from_secs(120)).await;
        }
        stack.until_status(&again.id(), "delivered").await;
        all_are_delivered_once(&stack, n_sent).await;
    }

    // Without a broker the poller sends on what is accepted.
    stack.kill_api();
    let nowhere = ("AMQP_URL", "amqp://127.0.0.1:1/%2f".to_owned());
    stack.start_api(&[nowhere]).await;
    let accepted = post(&stack, "no broker", &email(&stack, "Ada")).await;
    assert_eq!(accepted.status, 400, "a space is no visible character");
    let accepted = post(&stack, "no-broker", &email(&stack, "Ada")).await;
    // Receipts need the API's broker.
    stack.kill_api();
    stack.start_api(&[]).await;
    stack.until_status(&accepted.id(), "delivered").await;
    let held = ("held".to_owned(), Some("broker-away".to_owned()));
    assert!(stack.timeline(&accepted.id()).await.contains(&held));
    all_are_delivered_once(&stack, n_sent + 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgresql_what_has_a_key_is_refused_at_once_and_the_rest_is_accepted() {
    let postgres = OwnPostgres::new().await;
    let stack = Stack::start(StackOptions {
        database: Some(postgres.database().await),
        // Without PostgreSQL a broker that is merely busy must not be given up.
        api_env: vec![("CARILLON__API__CONFIRM_TIMEOUT_MS", "10000".to_owned())],
        ..StackOptions::default()
    })
    .await;
    let ada = email(&stack, "Ada");
    let first = post(&stack, "k", &ada).await;
    // Its receipt came through the API, which is connected to the broker therefore.
    stack.until_status(&first.id(), "delivered").await;
    let mut n_sent = 1;
    let refused = async |n_sent: &mut i64| {
        for _ in 0..5 {
            stack.send_email("bo@example.org", "Bo").await;
            *n_sent += 1;
            for key in ["k", "new"] {
                let asked = Instant::now();
                let answer = post(&stack, key, &ada).await;
                assert_eq!(answer.status, 503);
                let took = asked.elapsed();
                assert!(took < Duration::from_millis(1_500), "{took:?}");
            }
        }
    };
    // Silent, and gone.
    postgres.pause().await;
    refused(&mut n_sent).await;
    postgres.resume().await;
    postgres.stop().await;
    refused(&mut n_sent).await;
    postgres.start().await;
    let (again, new) = eventually("keys count again", Duration::from_secs(30), async || {
        let (again, new) = (
            post(&stack, "k", &ada).await,
            post(&stack, "new", &ada).await,
        );
        (again.status == 201 && new.status == 201).then_some((again, new))
    })
    .await;
    assert_eq!((again.is_replay, &again.body), (true, &first.body));
    assert_ne!(new.id(), first.id());
    until_delivered(&stack, n_sent + 1).await;
    all_are_delivered_once(&stack, n_sent + 1).await;
    postgres.destroy().await;
}
