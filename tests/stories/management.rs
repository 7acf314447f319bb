//! Services, keys and templates by administrators; a revoked key is refused within a second.

use std::time::{Duration, Instant};

use carillon_test_support::{Stack, StackOptions, eventually};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_set_up_over_http_and_sends() {
    let stack = Stack::start(StackOptions::default()).await;
    let admin = stack.admin();
    let (status, service) = stack
        .post("/api/services", &admin, &json!({"name": "Ely"}))
        .await;
    assert_eq!(status, 201, "{service}");
    let base = format!("/api/services/{}", service["id"].as_str().unwrap());
    let (status, key) = stack
        .post(
            &format!("{base}/keys"),
            &admin,
            &json!({"name": "app", "key_type": "normal"}),
        )
        .await;
    assert_eq!(status, 201, "{key}");
    let (status, template) = stack
        .post(
            &format!("{base}/templates"),
            &admin,
            &json!({"channel": "email", "name": "T", "subject": "S", "body": "Hi ((who))"}),
        )
        .await;
    assert_eq!(status, 201, "{template}");
    let auth = format!("ApiKey-v1 {}", key["key"].as_str().unwrap());
    let send = json!({
        "email_address": "a@example.org", "template_id": template["id"],
        "personalisation": {"who": "you"},
    });
    let (status, sent) = stack.post("/email", &auth, &send).await;
    assert_eq!(status, 201, "{sent}");

    // A new version is used within a second.
    let versions = format!(
        "{base}/templates/{}/versions",
        template["id"].as_str().unwrap()
    );
    let (status, version) = stack
        .post(
            &versions,
            &admin,
            &json!({"subject": "S2", "body": "Hello ((who))"}),
        )
        .await;
    assert_eq!((status, &version["version"]), (201, &json!(2)));
    eventually(
        "the new version is used",
        Duration::from_secs(2),
        async || {
            let (_, sent) = stack.post("/email", &auth, &send).await;
            (sent["template"]["version"] == 2).then_some(())
        },
    )
    .await;

    let keys = format!("{base}/keys/{}", key["id"].as_str().unwrap());
    let revoked_at = Instant::now();
    let (status, _) = stack
        .request(Method::DELETE, &keys, &admin, None)
        .await
        .unwrap();
    assert_eq!(status, 204);
    let refusal = eventually("the key is refused", Duration::from_secs(5), async || {
        let (status, answer) = stack.post("/email", &auth, &send).await;
        (status == 403).then_some(answer)
    })
    .await;
    assert!(
        revoked_at.elapsed() < Duration::from_millis(1_500),
        "{:?}",
        revoked_at.elapsed()
    );
    assert_eq!(
        refusal["errors"][0]["message"],
        "Invalid token: API key revoked"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_management_requests_name_the_field_and_change_nothing() {
    let stack = Stack::start(StackOptions::default()).await;
    let admin = stack.admin();
    let services = "SELECT count(*) FROM services";
    let before = stack.database.number(services).await;
    for (body, field) in [
        (json!({}), "name"),
        (json!({"name": ""}), "name"),
        (json!({"name": "A", "nope": 1}), "nope"),
        (json!({"name": "A", "region": "xx"}), "region"),
        (
            json!({"name": "A", "sms_sender": "much too long a name"}),
            "sms_sender",
        ),
    ] {
        let (status, problem) = stack.post("/api/services", &admin, &body).await;
        assert_eq!(status, 422, "{body} {problem}");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
        assert!(problem["trace_id"].is_string());
    }
    let (status, problem) = stack
        .post("/api/services", &admin, &json!({"name": "demo"}))
        .await;
    assert_eq!(status, 409, "{problem}");
    assert_eq!(stack.database.number(services).await, before);

    let (status, _) = stack
        .post("/api/services", "Bearer wrong", &json!({"name": "A"}))
        .await;
    assert_eq!(status, 403);
    // The token is checked before the body is looked at.
    let (status, _) = stack.post("/api/services", "", &Value::Null).await;
    assert_eq!(status, 401);
    let (status, _) = stack.get("/api/nowhere", &admin).await;
    assert_eq!(status, 404);
}
