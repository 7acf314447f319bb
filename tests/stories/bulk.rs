//! Mailings over HTTP: the forms they come in, the files that are refused, and a job's life.

mod forms;
mod life;
mod refusals;
mod retry;
mod slow_clients;
mod sms;
mod storage;
mod unsure;
mod uploads;

use std::time::Duration;

use carillon_test_support::{Stack, eventually};
use reqwest::Method;
use serde_json::{Value, json};

/// Everything of a small job comes to its end within this time.
const WITHIN: Duration = Duration::from_secs(90);

/// A file for the demo e-mail.
fn file(rows: impl IntoIterator<Item = String>) -> String {
    let header = "email address,name\n".to_owned();
    std::iter::once(header).chain(rows).collect()
}

/// Posts a file and returns the job as its service is told of it.
async fn submit(stack: &Stack, csv: &str, more: Value) -> Value {
    let mut body = json!({
        "template_id": stack.demo("EMAIL_TEMPLATE_ID"), "name": "A mailing", "csv": csv,
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let (status, answer) = stack.post("/bulk", &stack.key(), &body).await;
    assert_eq!(status, 201, "{answer}");
    answer["data"].clone()
}

fn id(job: &Value) -> &str {
    job["id"].as_str().unwrap()
}

/// The job as administrators see it.
async fn job(stack: &Stack, id: &str) -> Value {
    let (status, job) = stack.get(&format!("/api/jobs/{id}"), &stack.admin()).await;
    assert_eq!(status, 200, "{job}");
    job
}

/// Asks an administrator's verb of a job.
async fn ask(stack: &Stack, id: &str, verb: &str) -> (u16, Value) {
    let path = format!("/api/jobs/{id}/{verb}");
    let answer = stack
        .request(Method::POST, &path, &stack.admin(), None)
        .await;
    answer.unwrap()
}

/// Waits until a job is in a status and so many of its rows are in that of theirs.
async fn until(stack: &Stack, id: &str, status: &str, rows: (&str, i64)) -> Value {
    let what = format!("the job is {status} with {} {}", rows.1, rows.0);
    eventually(&what, WITHIN, async || {
        let job = job(stack, id).await;
        let is_so = job["status"] == status && job["statistics"][rows.0] == rows.1;
        is_so.then_some(job)
    })
    .await
}
