//! A job from its start to its end, and what stops it on the way.

use carillon_test_support::{Stack, StackOptions, eventually};
use serde_json::{Value, json};

use super::{WITHIN, ask, file, id, job, submit, until};

fn rows(n: usize) -> String {
    file((0..n).map(|n| format!("n{n}@example.org,Name {n}\n")))
}

/// A provider that takes so little that a job can be stopped half way.
async fn slowly(stack: &Stack) {
    let slow = json!({"throttle_per_second": 20});
    stack.control_sandbox(&slow).await;
}

async fn fast(stack: &Stack) {
    let fast = json!({"throttle_per_second": 0});
    stack.control_sandbox(&fast).await;
}

async fn until_some_are_delivered(stack: &Stack, id: &str) {
    eventually("some are delivered", WITHIN, async || {
        let delivered = job(stack, id).await["statistics"]["delivered"].as_i64();
        (delivered > Some(0)).then_some(())
    })
    .await;
}

/// How many rows are in a status.
fn n(job: &Value, status: &str) -> i64 {
    job["statistics"][status].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_rows_are_each_sent_once_and_can_be_looked_through() {
    let stack = Stack::start(StackOptions::default()).await;
    let made = submit(&stack, &rows(1_000), json!({})).await;
    let done = until(&stack, id(&made), "finished", ("delivered", 1_000)).await;
    assert_eq!(
        done["rows"],
        json!({"total": 1_000, "saved": 1_000, "invalid": 0})
    );
    assert_eq!((&done["lane"], n(&done, "created")), (&json!("bulk"), 0));
    let calls = stack.sandbox_calls().await;
    let mut recipients: Vec<&str> = calls
        .iter()
        .map(|call| call["recipient"].as_str().unwrap())
        .collect();
    recipients.sort_unstable();
    recipients.dedup();
    assert_eq!((calls.len(), recipients.len()), (1_000, 1_000));

    // Page by page, in the order of the file.
    let (mut numbers, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!(
            "/api/jobs/{}/rows?status=delivered&limit=400{after}",
            id(&made)
        );
        let (status, page) = stack.get(&path, &stack.admin()).await;
        assert_eq!(status, 200, "{page}");
        let rows = page["rows"].as_array().unwrap();
        numbers.extend(rows.iter().map(|row| row["row"].as_u64().unwrap()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert!(numbers.into_iter().eq(1..=1_000));
    // Nothing is left to stop.
    let (status, problem) = ask(&stack, id(&made), "cancel").await;
    assert_eq!(status, 409, "{problem}");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("all its rows are sent"),
        "{problem}"
    );
    stack.assert_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_cancelled_half_way_sends_nothing_more() {
    let stack = Stack::start(StackOptions::default()).await;
    slowly(&stack).await;
    let made = submit(&stack, &rows(300), json!({})).await;
    until_some_are_delivered(&stack, id(&made)).await;
    let (status, cancelled) = ask(&stack, id(&made), "cancel").await;
    assert_eq!(status, 200, "{cancelled}");
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(cancelled["status_reason"], "requested");
    fast(&stack).await;
    let done = eventually("every row has its end", WITHIN, async || {
        let job = job(&stack, id(&made)).await;
        let is_done = job["row_change"].is_null() && n(&job, "created") + n(&job, "sending") == 0;
        is_done.then_some(job)
    })
    .await;
    assert!(
        n(&done, "cancelled") > 0 && n(&done, "delivered") > 0,
        "{done}"
    );
    let saved = done["rows"]["saved"].as_i64().unwrap();
    assert_eq!(
        n(&done, "cancelled") + n(&done, "delivered"),
        saved,
        "{done}"
    );
    // For good.
    let (status, problem) = ask(&stack, id(&made), "resume").await;
    assert_eq!(status, 409);
    assert_eq!(
        problem["detail"],
        "the job is cancelled; nothing changes that"
    );
    let (_, rows) = stack
        .get(
            &format!("/api/jobs/{}/rows?status=cancelled&limit=1", id(&made)),
            &stack.admin(),
        )
        .await;
    let timeline = stack
        .timeline(rows["rows"][0]["id"].as_str().unwrap())
        .await;
    let last = timeline.last().unwrap();
    assert_eq!(
        (last.0.as_str(), last.1.as_deref()),
        ("cancelled", Some("job-cancelled"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_job_waits_and_goes_on_where_it_was() {
    let stack = Stack::start(StackOptions::default()).await;
    slowly(&stack).await;
    let made = submit(&stack, &rows(300), json!({})).await;
    until_some_are_delivered(&stack, id(&made)).await;
    let (status, paused) = ask(&stack, id(&made), "pause").await;
    assert_eq!(
        (status, &paused["status"]),
        (200, &json!("paused")),
        "{paused}"
    );
    eventually("what is not sent is held", WITHIN, async || {
        let job = job(&stack, id(&made)).await;
        (job["row_change"].is_null() && n(&job, "sending") == 0).then_some(())
    })
    .await;
    let path = format!("/api/jobs/{}/rows?status=created", id(&made));
    let (_, held) = stack.get(&path, &stack.admin()).await;
    let held = held["rows"].as_array().unwrap();
    assert!(
        held.iter().all(|row| row["wait_reason"] == "job-paused"),
        "{held:?}"
    );
    let (status, problem) = ask(&stack, id(&made), "pause").await;
    assert_eq!(status, 409);
    let detail = "the job is paused; what is possible: cancel, resume";
    assert_eq!(problem["detail"], detail);

    fast(&stack).await;
    let (status, resumed) = ask(&stack, id(&made), "resume").await;
    assert_eq!(status, 200, "{resumed}");
    until(&stack, id(&made), "finished", ("delivered", 300)).await;
    let accepted = stack.sandbox_stats().await;
    assert_eq!(accepted["accepted"], 300, "{accepted}");
    stack.assert_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_job_starts_at_its_time_unless_it_is_cancelled() {
    let stack = Stack::start(StackOptions::default()).await;
    let at = carillon_core::clock::now() + chrono::Duration::seconds(4);
    let scheduled = json!({"scheduled_for": at.to_rfc3339()});
    let kept = submit(&stack, &rows(3), scheduled.clone()).await;
    let dropped = submit(&stack, &rows(3), scheduled).await;
    assert_eq!(kept["job_status"], "scheduled");
    assert!(kept["scheduled_for"].is_string());
    let (status, answer) = ask(&stack, id(&dropped), "cancel").await;
    assert_eq!(status, 200, "{answer}");
    let done = until(&stack, id(&kept), "finished", ("delivered", 3)).await;
    let started: chrono::DateTime<chrono::Utc> =
        done["started_at"].as_str().unwrap().parse().unwrap();
    assert!(started >= at, "{started} {at}");
    until(&stack, id(&dropped), "cancelled", ("created", 0)).await;
    assert_eq!(
        stack
            .database
            .number("SELECT count(*) FROM notifications")
            .await,
        3
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_sees_its_own_jobs_only() {
    let stack = Stack::start(StackOptions::default()).await;
    let made = submit(&stack, &rows(1), json!({})).await;
    let admin = stack.admin();
    let (_, other) = stack
        .post("/api/services", &admin, &json!({"name": "Ely"}))
        .await;
    let keys = format!("/api/services/{}/keys", other["id"].as_str().unwrap());
    let key = json!({"name": "app", "key_type": "normal"});
    let (_, key) = stack.post(&keys, &admin, &key).await;
    let stranger = format!("ApiKey-v1 {}", key["key"].as_str().unwrap());
    for base in ["/bulk", "/v2/notifications/bulk"] {
        let path = format!("{base}/{}", id(&made));
        assert_eq!(stack.get(&path, &stack.key()).await.0, 200);
        let (status, answer) = stack.get(&path, &stranger).await;
        assert_eq!(
            (status, &answer["errors"][0]["error"]),
            (404, &json!("NoResultFound"))
        );
    }
    let theirs = json!({
        "template_id": stack.demo("EMAIL_TEMPLATE_ID"), "name": "x", "csv": rows(1),
    });
    let (status, answer) = stack.post("/bulk", &stranger, &theirs).await;
    assert_eq!(status, 400);
    assert_eq!(answer["errors"][0]["message"], "Template not found");
    // Administrators see all, by service and status.
    let jobs = async |query: &str| {
        let (status, page) = stack.get(&format!("/api/jobs{query}"), &admin).await;
        assert_eq!(status, 200, "{page}");
        page["jobs"].as_array().unwrap().len()
    };
    let mine = format!("?service_id={}", stack.demo("SERVICE_ID"));
    let others = format!("?service_id={}", other["id"].as_str().unwrap());
    assert_eq!(
        (jobs("").await, jobs(&mine).await, jobs(&others).await),
        (1, 1, 0)
    );
    assert_eq!(jobs("?status=cancelled,error").await, 0);
    assert_eq!(jobs(&format!("?older_than={}", id(&made))).await, 0);
    for (path, status) in [("/api/jobs?status=odd", 422), ("/api/jobs/x", 404)] {
        assert_eq!(stack.get(path, &admin).await.0, status, "{path}");
        assert_eq!(stack.get(path, &stranger).await.0, 401, "{path}");
    }
}
