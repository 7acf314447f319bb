//! Who sends little is not delayed by who sends much, and several workers keep to one rate.

use std::time::Duration;

use carillon_test_support::{Member, Stack, StackOptions, eventually};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

/// Whom a mailing is sent as.
struct Sender {
    auth: String,
    template: String,
}

impl Sender {
    fn demo(stack: &Stack) -> Self {
        Self {
            auth: stack.key(),
            template: stack.demo("EMAIL_TEMPLATE_ID").to_owned(),
        }
    }

    /// A service of its own.
    async fn another(stack: &Stack, name: &str) -> Self {
        let made = async |args: &[&str]| -> Value {
            let args = [args, &["--format", "json"]].concat();
            serde_json::from_str(&stack.carillon(&args).await).unwrap()
        };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let service = text(&made(&["service", "create", name]).await["id"]);
        let key = ["key", "create", &service, "live", "--type", "live"];
        let key = text(&made(&key).await["key"]);
        let template = [
            "template",
            "create",
            &service,
            "Letter",
            "--channel",
            "email",
            "--subject",
            "Hello",
            "--body",
            "Dear ((name))",
        ];
        Self {
            auth: format!("ApiKey-v1 {key}"),
            template: text(&made(&template).await["id"]),
        }
    }

    /// Posts a mailing and returns its job.
    async fn mails(&self, stack: &Stack, to: &str, n_rows: usize) -> String {
        let header = vec!["email address".to_owned(), "name".to_owned()];
        let rows = (0..n_rows).map(|n| vec![format!("{to}{n}@example.org"), "Ada".to_owned()]);
        let body = json!({
            "template_id": self.template,
            "name": to,
            "rows": std::iter::once(header).chain(rows).collect::<Vec<_>>(),
        });
        let (status, answer) = stack.post("/bulk", &self.auth, &body).await;
        assert_eq!(status, 201, "{answer}");
        answer["data"]["id"].as_str().unwrap().to_owned()
    }
}

async fn n_delivered(stack: &Stack, job: &str) -> i64 {
    let query = format!(
        "SELECT count(*) FROM notifications WHERE job_id = '{job}' AND status = 'delivered'"
    );
    stack.database.number(&query).await
}

async fn n_put_off(stack: &Stack, job: &str) -> i64 {
    let query = format!(
        "SELECT count(*) FROM notification_events e JOIN notifications n ON n.id = e.notification_id
         WHERE n.job_id = '{job}' AND e.event = 'held' AND e.reason = 'fair-share'"
    );
    stack.database.number(&query).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_mailing_does_not_stand_behind_a_large_one_of_another_service() {
    const LARGE: usize = 3_000;
    const SMALL: usize = 5;
    let stack = Stack::start(StackOptions {
        sandbox_env: vec![("CARILLON__SANDBOX__THROTTLE_PER_SECOND", "50".to_owned())],
        ..StackOptions::default()
    })
    .await;
    let quiet = Sender::another(&stack, "Quiet").await;
    let large = Sender::demo(&stack).mails(&stack, "loud", LARGE).await;
    eventually("what exceeds the share waits", PATIENCE, async || {
        (n_put_off(&stack, &large).await > 0).then_some(())
    })
    .await;

    let small = quiet.mails(&stack, "quiet", SMALL).await;
    eventually("the small mailing is delivered", PATIENCE, async || {
        (n_delivered(&stack, &small).await == SMALL as i64).then_some(())
    })
    .await;
    let n_before = n_delivered(&stack, &large).await;
    assert!(n_before < LARGE as i64 / 2, "{n_before} went before");
    assert_eq!(n_put_off(&stack, &small).await, 0);

    let path = format!("/api/jobs/{large}/cancel");
    let cancelled = stack
        .request(Method::POST, &path, &stack.admin(), None)
        .await;
    let (status, answer) = cancelled.unwrap();
    assert!(status < 300, "{status} {answer}");
    stack.assert_settled().await;
    assert_eq!(stack.sandbox_stats().await["duplicates"], 0);
}

/// Calls in a second, but for the first second: what is left over from before is in it.
async fn rate_to(stack: &Stack, to: &str) -> f64 {
    let calls = stack.sandbox_calls().await;
    let ours = calls
        .iter()
        .filter(|call| call["recipient"].as_str().unwrap().starts_with(to));
    let mut times: Vec<DateTime<Utc>> = ours
        .map(|call| call["at"].as_str().unwrap().parse().unwrap())
        .collect();
    times.sort();
    let from = times[0] + TimeDelta::seconds(1);
    times.retain(|at| *at >= from);
    let took = times[times.len() - 1] - times[0];
    (times.len() - 1) as f64 / took.as_seconds_f64()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_worker_and_three_keep_to_the_rate_of_a_provider() {
    const RATE: f64 = 40.0;
    let stack = Stack::start(StackOptions::default()).await;
    let set = [
        "provider",
        "set",
        "sandbox-email",
        "--rate-per-second",
        "40",
    ];
    stack.carillon(&set).await;
    // A worker follows with the first message that it claims.
    let first = stack.send_email("first@example.org", "Ada").await;
    stack.until_status(&first, "delivered").await;
    let sender = Sender::demo(&stack);
    let mut others = Vec::new();
    for (n_workers, n_rows) in [(1, 320), (3, 480)] {
        while others.len() + 1 < n_workers {
            others.push(stack.another(Member::Worker, &[]));
        }
        eventually("all workers take part", PATIENCE, async || {
            let printed = stack.carillon(&["queues", "--format", "json"]).await;
            let queues: Value = serde_json::from_str(&printed).unwrap();
            let mut queues = queues["queues"].as_array().unwrap().iter();
            let bulk = queues.find(|queue| {
                let name = queue["queue"].as_str().unwrap();
                name.ends_with("send-email-bulk")
            });
            (bulk.unwrap()["consumers"] == n_workers).then_some(())
        })
        .await;
        let to = format!("with-{n_workers}-");
        let job = sender.mails(&stack, &to, n_rows).await;
        eventually("all are delivered", PATIENCE, async || {
            (n_delivered(&stack, &job).await == n_rows as i64).then_some(())
        })
        .await;
        let rate = rate_to(&stack, &to).await;
        let share = rate / RATE;
        assert!(
            (0.9..=1.1).contains(&share),
            "{n_workers} workers: {rate:.1} a second"
        );
    }
    stack.assert_settled().await;
}
