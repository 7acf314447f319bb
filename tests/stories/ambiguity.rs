//! A provider that takes a message and loses the answer: what the template says follows.

use std::time::Duration;

use carillon_test_support::{Stack, StackOptions, eventually};
use reqwest::Method;
use serde_json::{Value, json};

async fn start() -> Stack {
    Stack::start(StackOptions {
        env: vec![
            // A second call would come at once.
            ("CARILLON__RETRY__SCALE", "0.001".to_owned()),
            // And whoever decides for one has it beyond the last attempt, too.
            ("CARILLON__RETRY__MAX_ATTEMPTS", "1".to_owned()),
            ("CARILLON__DELIVERY__PROVIDER_TIMEOUT_MS", "1000".to_owned()),
        ],
        ..StackOptions::default()
    })
    .await
}

async fn say(stack: &Stack, policy: &str) -> (u16, Value) {
    let path = format!(
        "/api/services/{}/templates/{}",
        stack.demo("SERVICE_ID"),
        stack.demo("EMAIL_TEMPLATE_ID")
    );
    let body = json!({ "when_answer_lost": policy });
    let answer = stack
        .request(Method::PATCH, &path, &stack.admin(), Some(&body))
        .await;
    answer.unwrap_or_else(|error| panic!("{path}: {error:?}"))
}

async fn resolve(stack: &Stack, id: &str, body: Value) -> (u16, Value) {
    let path = format!("/api/notifications/{id}/resolve");
    stack.post(&path, &stack.admin(), &body).await
}

async fn n_calls(stack: &Stack, id: &str) -> usize {
    let calls = stack.sandbox_calls().await;
    calls.iter().filter(|call| call["id"] == id).count()
}

/// Waits until so many answers were lost.
async fn until_lost(stack: &Stack, id: &str, n: usize) {
    // Answered once it is saved.
    stack.notification(id).await;
    let what = format!("{n} lost answers of {id}");
    eventually(&what, Duration::from_secs(30), async || {
        let timeline = stack.timeline(id).await;
        let lost = |(event, reason): &&(String, Option<String>)| {
            event == "attempted" && reason.as_deref() == Some("answer-lost")
        };
        (timeline.iter().filter(lost).count() == n).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_message_is_settled_by_its_receipt_after_one_call_or_by_an_administrator() {
    let stack = start().await;
    let (status, problem) = say(&stack, "perhaps").await;
    assert_eq!(status, 422, "{problem}");
    assert!(problem.to_string().contains("give-up"), "{problem}");
    assert_eq!(say(&stack, "hold").await.0, 204);

    stack.control_sandbox(&json!({"hold_receipts": true})).await;
    let taken = stack.send_email("reset@simulator.notify", "Ada").await;
    let hanging = stack.send_email("hang@simulator.notify", "Ada").await;
    until_lost(&stack, &taken, 1).await;
    until_lost(&stack, &hanging, 1).await;
    assert_eq!(stack.notification(&taken).await["status"], "created");

    // Its receipt names our id, although nobody heard of the provider's.
    stack
        .control_sandbox(&json!({"hold_receipts": false}))
        .await;
    stack.until_status(&taken, "delivered").await;
    assert_eq!(n_calls(&stack, &taken).await, 1);
    let (status, problem) = resolve(&stack, &taken, json!({"action": "retry"})).await;
    assert_eq!(status, 409, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("delivered"));

    // Nothing comes for the other one: a person decides, twice.
    assert_eq!(n_calls(&stack, &hanging).await, 1);
    for wrong in [json!({"action": "forget"}), json!({})] {
        let (status, problem) = resolve(&stack, &hanging, wrong).await;
        assert_eq!(status, 422, "{problem}");
    }
    let said = stack
        .carillon(&["notification", "resolve", &hanging, "--retry"])
        .await;
    assert!(said.contains("sent again"), "{said}");
    until_lost(&stack, &hanging, 2).await;
    let body = json!({"action": "give-up", "reason": "they were called"});
    let (status, answer) = resolve(&stack, &hanging, body).await;
    assert_eq!(
        (status, &answer["status"]),
        (200, &json!("technical-failure"))
    );
    assert_eq!(n_calls(&stack, &hanging).await, 2);
    let path = format!("/api/notifications/{hanging}/timeline");
    let (_, timeline) = stack.get(&path, &stack.admin()).await;
    let events = timeline["events"].as_array().unwrap();
    let decided: Vec<_> = events
        .iter()
        .filter(|event| event["detail"]["action"].is_string())
        .map(|event| (event["event"].as_str(), event["actor"].as_str()))
        .collect();
    let expected = [
        (Some("resolved"), Some("command line")),
        (Some("failed"), Some("administrator")),
    ];
    assert_eq!(decided, expected, "{timeline}");
    let unknown = "0198c6a2-5d3e-7b12-9f60-3c1a5e8d7f42";
    let (status, _) = resolve(&stack, unknown, json!({"action": "retry"})).await;
    assert_eq!(status, 404);
    stack.assert_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_message_of_a_paused_job_is_not_sent_again_before_the_job_goes_on() {
    let stack = start().await;
    assert_eq!(say(&stack, "hold").await.0, 204);
    let mailing = json!({
        "template_id": stack.demo("EMAIL_TEMPLATE_ID"), "name": "May",
        "csv": "email address,name\nhang@simulator.notify,Ada\n",
    });
    let (status, answer) = stack.post("/bulk", &stack.key(), &mailing).await;
    assert_eq!(status, 201, "{answer}");
    let job = answer["data"]["id"].as_str().unwrap();
    let rows = format!("/api/jobs/{job}/rows");
    let id = eventually("its row is saved", Duration::from_secs(30), async || {
        let (_, rows) = stack.get(&rows, &stack.admin()).await;
        rows["rows"][0]["id"].as_str().map(ToOwned::to_owned)
    })
    .await;
    until_lost(&stack, &id, 1).await;

    let ask = async |verb: &str| {
        let path = format!("/api/jobs/{job}/{verb}");
        let answer = stack
            .request(Method::POST, &path, &stack.admin(), None)
            .await;
        assert_eq!(answer.unwrap().0, 200, "{verb}");
    };
    ask("pause").await;
    let (status, problem) = resolve(&stack, &id, json!({"action": "retry"})).await;
    assert_eq!(status, 409, "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("resume the job first"), "{problem}");
    ask("resume").await;
    let (status, _) = resolve(&stack, &id, json!({"action": "retry"})).await;
    assert_eq!(status, 200);
    until_lost(&stack, &id, 2).await;
    let (status, _) = resolve(&stack, &id, json!({"action": "give-up"})).await;
    assert_eq!(status, 200);
    stack.assert_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_template_gives_up_a_lost_answer_is_the_end() {
    let stack = start().await;
    assert_eq!(say(&stack, "give-up").await.0, 204);
    let id = stack.send_email("hang@simulator.notify", "Ada").await;
    stack.until_status(&id, "technical-failure").await;
    let timeline = stack.timeline(&id).await;
    let last = timeline.last().unwrap();
    assert_eq!(
        (last.0.as_str(), last.1.as_deref()),
        ("failed", Some("answer-lost"))
    );
    assert_eq!(n_calls(&stack, &id).await, 1);
    stack.assert_settled().await;
}
