//! Providers over HTTP.

use carillon_test_support::{Stack, StackOptions};
use reqwest::Method;
use serde_json::{Value, json};

use super::{SECRET, call};

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_managed_over_http_and_its_credentials_never_come_back() {
    let stack = Stack::start(StackOptions::default()).await;
    let relay = json!({
        "name": "relay", "kind": "smtp", "active": false,
        "settings": {"host": "mail.example.org"},
        "credentials": {"username": "ada", "password": SECRET},
    });
    let (status, created) = call(&stack, Method::POST, "/api/providers", relay.clone()).await;
    assert_eq!(status, 201, "{created}");
    assert_eq!(created["channel"], "email");
    assert_eq!(created["has_credentials"], true);
    let (status, twice) = call(&stack, Method::POST, "/api/providers", relay).await;
    assert_eq!(status, 409, "{twice}");
    assert!(twice["trace_id"].is_string(), "{twice}");

    let changes = json!({"weight": 30, "settings": {"max_connections": 3}});
    let (status, changed) = call(&stack, Method::PATCH, "/api/providers/relay", changes).await;
    assert_eq!(status, 200, "{changed}");
    let (status, read) = call(&stack, Method::GET, "/api/providers/relay", Value::Null).await;
    assert_eq!((status, &read), (200, &changed));
    assert_eq!(
        (&read["weight"], &read["active"]),
        (&json!(30), &json!(false))
    );
    assert_eq!(read["settings"]["host"], "mail.example.org");
    assert_eq!(read["settings"]["max_connections"], 3);
    assert_eq!(read["has_credentials"], true);

    let (_, all) = call(&stack, Method::GET, "/api/providers", Value::Null).await;
    assert_eq!(all["providers"].as_array().unwrap().len(), 3, "{all}");
    let shown = stack.carillon(&["provider", "show", "relay"]).await;
    let listed = stack.carillon(&["provider", "list"]).await;
    for text in [
        created.to_string(),
        twice.to_string(),
        changed.to_string(),
        all.to_string(),
        shown,
        listed,
    ] {
        assert!(!text.contains(SECRET), "{text}");
        assert!(!text.contains("\"password\""), "{text}");
    }

    let none = json!({"credentials": null});
    let (_, without) = call(&stack, Method::PATCH, "/api/providers/relay", none).await;
    assert_eq!(without["has_credentials"], false, "{without}");
    let (status, _) = call(&stack, Method::DELETE, "/api/providers/relay", Value::Null).await;
    assert_eq!(status, 204);
    for method in [Method::GET, Method::DELETE] {
        let (status, _) = call(&stack, method, "/api/providers/relay", Value::Null).await;
        assert_eq!(status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_provider_is_said_all_at_once_and_nothing_is_kept() {
    let stack = Stack::start(StackOptions::default()).await;
    let wrong = json!({
        "name": "My relay", "kind": "smtp", "channel": "sms", "weight": 101,
        "settings": {"host": "a b", "max_connections": 0},
    });
    let (status, problem) = call(&stack, Method::POST, "/api/providers", wrong).await;
    assert_eq!(status, 422, "{problem}");
    let fields: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["field"].clone())
        .collect();
    let expected = [
        "name",
        "weight",
        "channel",
        "settings.host",
        "settings.max_connections",
    ];
    assert_eq!(fields, expected);
    let sandbox = "/api/providers/sandbox-email";
    for (changes, field) in [
        (json!({"weight": -1}), "weight"),
        (json!({"settings": {"host": "h"}}), "settings"),
        (
            json!({"credentials": {"username": "ada", "password": SECRET}}),
            "credentials",
        ),
        (json!({"kind": "smtp"}), "kind"),
    ] {
        let (status, problem) = call(&stack, Method::PATCH, sandbox, changes).await;
        assert_eq!(
            (status, &problem["errors"][0]["field"]),
            (422, &json!(field)),
            "{problem}"
        );
        assert!(!problem.to_string().contains(SECRET), "{problem}");
    }
    let providers = "SELECT count(*) FROM providers WHERE weight = 100 AND active";
    assert_eq!(stack.database.number(providers).await, 2);

    // The token comes before everything else.
    for path in [
        "/api/providers",
        "/api/providers/relay",
        "/api/sender-domains/example.org",
    ] {
        let (status, _) = stack.get(path, "Bearer wrong").await;
        assert_eq!(status, 403, "{path}");
    }
    let (status, problem) = call(
        &stack,
        Method::GET,
        "/api/sender-domains/localhost",
        Value::Null,
    )
    .await;
    assert_eq!(
        (status, &problem["errors"][0]["field"]),
        (422, &json!("domain"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_provider_of_a_channel_is_removed_by_force_only() {
    let stack = Stack::start(StackOptions::default()).await;
    let delete = async |query: &str| {
        let path = format!("/api/providers/sandbox-sms{query}");
        call(&stack, Method::DELETE, &path, Value::Null).await
    };
    for query in ["", "?force=false"] {
        let (status, problem) = delete(query).await;
        assert_eq!(status, 409, "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains("last active provider of sms") && detail.contains("?force=true"),
            "{problem}"
        );
    }
    for query in ["?force=perhaps", "?forced=true"] {
        let (status, problem) = delete(query).await;
        let field = &problem["errors"][0]["field"];
        assert_eq!((status, field), (422, &json!("query")), "{problem}");
    }
    let (status, _) = delete("?force=true").await;
    assert_eq!(status, 204);
    let left = "SELECT count(*) FROM providers";
    assert_eq!(stack.database.number(left).await, 1);
}
