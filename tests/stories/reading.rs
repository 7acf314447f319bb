//! Reading back, as Notify's clients do.

use carillon_test_support::{Stack, StackOptions};
use serde_json::Value;

fn ids(page: &Value) -> Vec<&str> {
    let rows = page["notifications"].as_array().unwrap();
    rows.iter().map(|row| row["id"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_the_cursor_and_hold_the_key_s_own_type_only() {
    let stack = Stack::start(StackOptions::default()).await;
    let mut sent = Vec::new();
    for n in 0..3 {
        sent.push(stack.send_email(&format!("n{n}@example.org"), "Ada").await);
    }
    sent.push(stack.send_sms("07700900123", "Ada").await);
    stack.assert_settled().await;
    sent.reverse();

    let (status, page) = stack.get("/v2/notifications", &stack.key()).await;
    assert_eq!(status, 200);
    assert_eq!(ids(&page), sent);
    assert_eq!(
        page["links"]["current"],
        format!("{}/v2/notifications", stack.api_url)
    );

    let older = format!("/v2/notifications?older_than={}", sent[1]);
    let (_, page) = stack.get(&older, &stack.key()).await;
    assert_eq!(ids(&page), &sent[2..]);
    let next = page["links"]["next"]
        .as_str()
        .unwrap()
        .replace(&stack.api_url, "");
    let (_, page) = stack.get(&next, &stack.key()).await;
    assert_eq!(page["notifications"], serde_json::json!([]));
    assert!(page["links"].get("next").is_none());

    let (_, page) = stack
        .get(
            "/v2/notifications?template_type=sms&status=delivered&include_jobs=True",
            &stack.key(),
        )
        .await;
    assert_eq!(ids(&page), &sent[..1]);
    let (_, page) = stack
        .get("/v2/notifications?status=failed", &stack.key())
        .await;
    assert!(ids(&page).is_empty());

    // Another key type: other lists, the same single reads.
    let test_key = format!("ApiKey-v1 {}", stack.demo("API_KEY_TEST"));
    let (_, page) = stack.get("/v2/notifications", &test_key).await;
    assert!(ids(&page).is_empty());
    let (status, _) = stack
        .get(&format!("/v2/notifications/{}", sent[0]), &test_key)
        .await;
    assert_eq!(status, 200);

    let (status, page) = stack
        .get("/v2/notifications?status=nope&x=1", &stack.key())
        .await;
    assert_eq!(status, 400);
    assert_eq!(page["errors"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_service_s_and_unknown_things_are_404() {
    let stack = Stack::start(StackOptions::default()).await;
    let id = stack.send_email("ada@example.org", "Ada").await;
    let printed = stack
        .carillon(&["service", "create", "Other", "--format", "json"])
        .await;
    let service: Value = serde_json::from_str(&printed).unwrap();
    let service = service["id"].as_str().unwrap();
    let path = format!("/api/services/{service}/keys");
    let new = serde_json::json!({"name": "k", "key_type": "normal"});
    let (_, key) = stack.post(&path, &stack.admin(), &new).await;
    let other = format!("ApiKey-v1 {}", key["key"].as_str().unwrap());

    let old = "018f0000-0000-7000-8000-000000000000";
    for (path, auth) in [
        (format!("/v2/notifications/{id}"), &other),
        (format!("/v2/notifications/{old}"), &stack.key()),
        (
            format!("/v2/template/{}", stack.demo("EMAIL_TEMPLATE_ID")),
            &other,
        ),
    ] {
        let (status, answer) = stack.get(&path, auth).await;
        assert_eq!(status, 404, "{path}");
        assert_eq!(answer["errors"][0]["error"], "NoResultFound");
    }
    let (status, answer) = stack
        .get("/v2/notifications/not-a-uuid", &stack.key())
        .await;
    assert_eq!(
        (status, &answer["errors"][0]["error"]),
        (400, &"ValidationError".into())
    );
    let (status, _) = stack.get("/nowhere", &stack.key()).await;
    assert_eq!(status, 404);
    let (status, _) = stack.get("/email", &stack.key()).await;
    assert_eq!(status, 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_are_shown_with_what_they_need() {
    let stack = Stack::start(StackOptions::default()).await;
    let template = stack.demo("EMAIL_TEMPLATE_ID");
    let (status, shown) = stack
        .get(&format!("/v2/template/{template}"), &stack.key())
        .await;
    assert_eq!(status, 200);
    assert_eq!(
        shown["personalisation"],
        serde_json::json!({"name": {"required": true}})
    );
    let (status, versioned) = stack
        .get(&format!("/v2/template/{template}/version/1"), &stack.key())
        .await;
    assert_eq!((status, &versioned), (200, &shown));
    let (_, all) = stack.get("/v2/templates?type=sms", &stack.key()).await;
    assert_eq!(all["templates"].as_array().unwrap().len(), 1);
    let (status, preview) = stack
        .post(
            &format!("/v2/template/{template}/preview"),
            &stack.key(),
            &serde_json::json!({"personalisation": {"name": "Ada"}}),
        )
        .await;
    assert_eq!((status, &preview["subject"]), (200, &"Hello Ada".into()));
    let (status, missing) = stack
        .post(
            &format!("/v2/template/{template}/preview"),
            &stack.key(),
            &serde_json::json!({}),
        )
        .await;
    assert_eq!(status, 400);
    assert_eq!(
        missing["errors"][0]["message"],
        "Missing personalisation: name"
    );
}
