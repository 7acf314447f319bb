//! Failed rows are sent again, each once.

use carillon_test_support::{Stack, StackOptions};
use serde_json::json;

use super::{ask, file, id, submit, until};

#[tokio::test(flavor = "multi_thread")]
async fn failed_rows_are_sent_again_as_a_job_of_their_own_and_only_once() {
    let stack = Stack::start(StackOptions::default()).await;
    let csv = file([
        "ada@example.org,Ada\n".to_owned(),
        "temp-fail@simulator.notify,Bo\n".to_owned(),
        "perm-fail@simulator.notify,Cy\n".to_owned(),
        "temp-fail@simulator.notify,Di\n".to_owned(),
    ]);
    let made = submit(&stack, &csv, json!({})).await;
    until(&stack, id(&made), "finished", ("temporary-failure", 2)).await;
    until(&stack, id(&made), "finished", ("permanent-failure", 1)).await;

    let (status, retry) = ask(&stack, id(&made), "retry-failed").await;
    assert_eq!(status, 201, "{retry}");
    assert_eq!(retry["name"], "A mailing (retry)");
    assert_eq!(
        (&retry["retry_of"], &retry["n_rows"]),
        (&made["id"], &json!(2))
    );
    until(&stack, id(&retry), "finished", ("temporary-failure", 2)).await;
    let path = format!("/api/jobs/{}/rows?status=failed", id(&retry));
    let (_, rows) = stack.get(&path, &stack.admin()).await;
    let numbers: Vec<_> = rows["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["row"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers, [2, 4]);

    // Its rows are the retry's now.
    let (status, problem) = ask(&stack, id(&made), "retry-failed").await;
    assert_eq!(status, 409, "{problem}");
    let path = format!("/api/jobs/{}/retry-failed", id(&made));
    let permanent = json!({"statuses": ["permanent-failure"]});
    let (status, second) = stack.post(&path, &stack.admin(), &permanent).await;
    assert_eq!(status, 201, "{second}");
    assert_eq!(
        (&second["name"], &second["n_rows"]),
        (&json!("A mailing (retry 2)"), &json!(1))
    );
    until(&stack, id(&second), "finished", ("permanent-failure", 1)).await;
    let (status, third) = ask(&stack, id(&retry), "retry-failed").await;
    assert_eq!((status, &third["n_rows"]), (201, &json!(2)), "{third}");

    let cancelled = json!({"statuses": ["cancelled"]});
    let (status, problem) = stack.post(&path, &stack.admin(), &cancelled).await;
    assert_eq!(
        (status, &problem["errors"][0]["field"]),
        (422, &json!("statuses"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_not_done_is_not_sent_again() {
    let stack = Stack::start(StackOptions::default()).await;
    let at = carillon_core::clock::now() + chrono::Duration::hours(1);
    let csv = file(["ada@example.org,Ada\n".to_owned()]);
    let made = submit(&stack, &csv, json!({"scheduled_for": at.to_rfc3339()})).await;
    let (status, problem) = ask(&stack, id(&made), "retry-failed").await;
    assert_eq!(status, 409);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("the job is scheduled"),
        "{problem}"
    );
}
