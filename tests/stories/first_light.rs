//! A message posted is accepted, saved, delivered, receipted and shown.

use std::time::Duration;

use carillon_test_support::{Process, Stack, StackOptions, eventually, free_port};
use serde_json::{Value, json};

fn events(timeline: &[(String, Option<String>)]) -> Vec<&str> {
    timeline.iter().map(|(event, _)| event.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_email_and_an_sms_are_accepted_delivered_and_shown_with_their_timeline() {
    let stack = Stack::start(StackOptions::default()).await;
    let email = stack.send_email("ada@example.org", "Ada").await;
    let sms = stack.send_sms("07700 900123", "Ada").await;

    // Read at once: the API waits for the row instead of answering 404.
    assert_eq!(
        stack.notification(&email).await["email_address"],
        "ada@example.org"
    );
    let email = stack.until_status(&email, "delivered").await;
    assert_eq!(email["subject"], "Hello Ada");
    assert_eq!(email["type"], "email");
    assert!(email["sent_at"].is_string() && email["completed_at"].is_string());
    let sms = stack.until_status(&sms, "delivered").await;
    assert_eq!(sms["phone_number"], "07700 900123");

    for notification in [&email, &sms] {
        let timeline = stack.timeline(notification["id"].as_str().unwrap()).await;
        assert_eq!(events(&timeline), ["accepted", "attempted", "receipt"]);
        assert_eq!(timeline[2].1.as_deref(), Some("receipt-delivered"));
    }
    let printed = stack
        .carillon(&["timeline", email["id"].as_str().unwrap()])
        .await;
    assert!(
        printed.contains("delivered") && printed.contains("receipt-delivered"),
        "{printed}"
    );

    let calls = stack.sandbox_calls().await;
    assert_eq!(calls.len(), 2);
    assert!(
        calls
            .iter()
            .any(|call| call["recipient"] == "+447700900123")
    );
    stack.assert_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_201_is_exactly_notify_s() {
    let stack = Stack::start(StackOptions::default()).await;
    let (service, template) = (stack.demo("SERVICE_ID"), stack.demo("EMAIL_TEMPLATE_ID"));
    let request = json!({
        "email_address": "ada@example.org",
        "template_id": template,
        "personalisation": {"NA me": "Ada *Lovelace*"},
        "reference": "r-1",
        "one_click_unsubscribe_url": "https://example.org/unsubscribe?id=1",
        "sanitise_content_for": ["name"],
    });
    let (status, answer) = stack
        .post("/v2/notifications/email", &stack.key(), &request)
        .await;
    assert_eq!(status, 201, "{answer}");
    let id = answer["id"].as_str().unwrap();
    let base = &stack.api_url;
    assert_eq!(answer["reference"], "r-1");
    assert_eq!(answer["uri"], format!("{base}/v2/notifications/{id}"));
    assert_eq!(
        answer["template"],
        json!({
            "id": template, "version": 1,
            "uri": format!("{base}/services/{service}/templates/{template}"),
        })
    );
    assert_eq!(answer["scheduled_for"], Value::Null);
    assert_eq!(answer["content"]["subject"], r"Hello Ada \*Lovelace\*");
    assert_eq!(
        answer["content"]["one_click_unsubscribe_url"],
        "https://example.org/unsubscribe?id=1"
    );
    let sanitised = answer["sanitised_content"].as_object().unwrap();
    assert_eq!(sanitised.len(), 1);

    let request = json!({
        "phone_number": "+44 7700 900123",
        "template_id": stack.demo("SMS_TEMPLATE_ID"),
        "personalisation": {"name": "Ada"},
    });
    let (status, answer) = stack
        .post("/v2/notifications/sms", &stack.key(), &request)
        .await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!(answer["reference"], Value::Null);
    assert!(answer["content"]["from_number"].is_string());
    assert!(answer.get("sanitised_content").is_none());
    let mut keys: Vec<_> = answer
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "content",
            "id",
            "reference",
            "scheduled_for",
            "template",
            "uri"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_reach_whom_they_may() {
    let stack = Stack::start(StackOptions::default()).await;
    let auth = |name: &str| format!("ApiKey-v1 {}", stack.demo(name));
    let body = |to: &str| {
        json!({
            "email_address": to,
            "template_id": stack.demo("EMAIL_TEMPLATE_ID"),
            "personalisation": {"name": "Ada"},
        })
    };
    // A team key: the safelist, whatever the case; nobody else.
    let team = auth("API_KEY_TEAM");
    let (status, answer) = stack
        .post("/email", &team, &body("Demo.Team@EXAMPLE.org"))
        .await;
    assert_eq!(status, 201, "{answer}");
    let (status, answer) = stack.post("/email", &team, &body("ada@example.org")).await;
    assert_eq!(status, 400);
    assert_eq!(answer["errors"][0]["error"], "BadRequestError");
    assert!(
        answer["errors"][0]["message"]
            .as_str()
            .unwrap()
            .contains("team-only API key")
    );

    // A test key: anyone, through the sandbox even when no provider is configured.
    stack
        .carillon(&["provider", "disable", "sandbox-email", "--force"])
        .await;
    let (status, answer) = stack
        .post(
            "/email",
            &auth("API_KEY_TEST"),
            &body("perm-fail@simulator.notify"),
        )
        .await;
    assert_eq!(status, 201, "{answer}");
    let path = format!("/v2/notifications/{}", answer["id"].as_str().unwrap());
    eventually(
        "the test key's message fails as scripted",
        Duration::from_secs(30),
        async || {
            let (_, shown) = stack.get(&path, &auth("API_KEY_TEST")).await;
            (shown["status"] == "permanent-failure").then_some(())
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_lane_and_a_high_volume_service_deliver() {
    let stack = Stack::start(StackOptions::default()).await;
    let service = stack.demo("SERVICE_ID");
    let templates = format!("/api/services/{service}/templates");
    let mut ids = Vec::new();
    for lane in ["priority", "normal", "bulk"] {
        let new = json!({
            "channel": "sms", "name": format!("{lane} text"), "body": "Code ((code))", "lane": lane,
        });
        let (status, answer) = stack.post(&templates, &stack.admin(), &new).await;
        assert_eq!(status, 201, "{answer}");
        let request = json!({
            "phone_number": "07700900123", "template_id": answer["id"],
            "personalisation": {"code": 42},
        });
        let (status, answer) = stack.post("/sms", &stack.key(), &request).await;
        assert_eq!(status, 201, "{answer}");
        ids.push(answer["id"].as_str().unwrap().to_owned());
    }
    stack
        .carillon(&["service", "update", service, "--high-volume", "true"])
        .await;
    // The API learns of it within a second.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    ids.push(stack.send_email("ada@example.org", "Ada").await);
    for id in &ids {
        stack.until_status(id, "delivered").await;
    }
    stack.assert_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_message_waits_and_is_sent_when_its_time_has_come() {
    let stack = Stack::start(StackOptions::default()).await;
    let at = carillon_core::clock::now() + chrono::Duration::hours(2);
    let request = json!({
        "email_address": "ada@example.org",
        "template_id": stack.demo("EMAIL_TEMPLATE_ID"),
        "personalisation": {"name": "Ada"},
        "scheduled_for": at.to_rfc3339(),
    });
    let (status, answer) = stack.post("/email", &stack.key(), &request).await;
    assert_eq!(status, 201, "{answer}");
    assert!(answer["scheduled_for"].is_string());
    let id = answer["id"].as_str().unwrap();
    let shown = stack.notification(id).await;
    assert_eq!(shown["status"], "created");
    assert_eq!(stack.timeline(id).await[0].1.as_deref(), Some("scheduled"));
    assert!(stack.sandbox_calls().await.is_empty());

    stack
        .database
        .advance_clock(Duration::from_secs(2 * 3_600 + 5))
        .await;
    stack.until_status(id, "delivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_on_call_binaries_start_connect_and_drain() {
    let database = carillon_test_support::TestDatabase::create().await;
    for binary in ["carillon-escalator", "carillon-aggregator"] {
        let port = free_port();
        let env = [
            ("DATABASE_URL", database.url.clone()),
            ("AMQP_URL", carillon_test_support::amqp_url()),
            ("CARILLON__AMQP__PREFIX", carillon_test_support::prefix()),
            ("CARILLON__HEALTH__LISTEN", format!("127.0.0.1:{port}")),
        ];
        let mut process = Process::start(binary, env, &[]);
        eventually(binary, Duration::from_secs(60), async || {
            let answer = reqwest::get(format!("http://127.0.0.1:{port}/readyz"))
                .await
                .ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
        assert!(
            process.logs().contains("no plans yet"),
            "{}",
            process.logs()
        );
        assert!(process.terminate().await.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_identifies_a_person_is_logged() {
    let mut stack = Stack::start(StackOptions {
        env: vec![("RUST_LOG", "debug,h2=info,hyper=info,lapin=info".to_owned())],
        ..StackOptions::default()
    })
    .await;
    let id = stack
        .send_email("secret.person@example.org", "Ms Unmistakable")
        .await;
    stack.until_status(&id, "delivered").await;
    stack.send_sms("07700900003", "Ms Unmistakable").await;
    let (status, _) = stack
        .post(
            "/email",
            &stack.key(),
            &json!({"email_address": "secret.person@@example", "x": 1}),
        )
        .await;
    assert_eq!(status, 400);
    stack.assert_settled().await;
    let key = stack.demo("API_KEY").to_owned();
    let secret = &key[key.len() - 36..];
    use carillon_test_support::Member;
    for member in [Member::Api, Member::Worker, Member::Poller, Member::Sandbox] {
        let logs = stack.process(member).logs();
        assert!(!logs.is_empty());
        for personal in ["secret.person", "Unmistakable", "7700900003", secret] {
            assert!(!logs.contains(personal), "{member:?} logs {personal:?}");
        }
    }
}
