//! Services are told what became of their messages: signed, retried, and only where they may be
//! called.

use std::time::Duration;

use carillon_test_support::{Stack, StackOptions, WebhookReceiver, eventually};
use reqwest::Method;
use serde_json::{Value, json};

const TOKEN: &str = "a-token-of-the-service";

/// A receiver hears of what has happened within this time on a busy machine.
const TOLD_WITHIN: Duration = Duration::from_secs(60);

/// An installation that may call this machine, with minutes between attempts shortened to parts of
/// a second.
async fn stack() -> Stack {
    Stack::start(StackOptions {
        env: vec![
            ("CARILLON__CALLBACKS__ALLOW_PRIVATE_TARGETS", "true".into()),
            ("CARILLON__CALLBACKS__RETRY_SCALE", "0.001".into()),
        ],
        ..StackOptions::default()
    })
    .await
}

fn base(stack: &Stack) -> String {
    format!("/api/services/{}/callbacks", stack.demo("SERVICE_ID"))
}

/// A callback of the demo service.
struct Callback {
    path: String,
    id: String,
}

/// Registers a callback whose calls the receiver can verify.
async fn register(stack: &Stack, receiver: &WebhookReceiver, kind: &str, path: &str) -> Callback {
    let new = json!({ "kind": kind, "url": receiver.url(path), "bearer_token": TOKEN });
    let (status, made) = stack.post(&base(stack), &stack.admin(), &new).await;
    assert_eq!(status, 201, "{made}");
    receiver.trust(made["secret"].as_str().unwrap());
    let id = made["id"].as_str().unwrap().to_owned();
    Callback {
        path: format!("{}/{id}", base(stack)),
        id,
    }
}

async fn call(stack: &Stack, method: Method, path: &str, body: Value) -> (u16, Value) {
    let body = (!body.is_null()).then_some(&body);
    stack
        .request(method, path, &stack.admin(), body)
        .await
        .unwrap_or_else(|error| panic!("{path}: {error:?}"))
}

/// Waits until the receiver was told of a message by a call that it answered with a status.
async fn told(receiver: &WebhookReceiver, field: &str, notification: &str, status: u16) -> Value {
    let what = format!("{notification} is told and answered with {status}");
    eventually(&what, TOLD_WITHIN, async || {
        receiver
            .calls()
            .into_iter()
            .find(|call| call["body"][field] == notification && call["status"] == status)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_is_told_with_notify_s_body_and_verifies() {
    let stack = stack().await;
    let receiver = WebhookReceiver::start(&[]).await;
    register(&stack, &receiver, "delivery-status", "/ok").await;
    register(&stack, &receiver, "complaint", "/ok/complaints").await;
    for (recipient, status) in [
        ("ada@example.org", "delivered"),
        ("perm-fail@simulator.notify", "permanent-failure"),
        ("temp-fail@simulator.notify", "temporary-failure"),
        ("complaint@simulator.notify", "delivered"),
    ] {
        let id = stack.send_email(recipient, "Ada").await;
        let call = told(&receiver, "id", &id, 200).await;
        assert_eq!(call["verified"], true, "{call}");
        assert_eq!(call["path"], "/ok");
        let headers = &call["headers"];
        assert_eq!(headers["authorization"], format!("Bearer {TOKEN}"));
        assert_eq!(headers["content-type"], "application/json");
        let body = &call["body"];
        assert_eq!(
            (&body["status"], &body["to"]),
            (&json!(status), &json!(recipient))
        );
        let mut keys: Vec<&String> = body.as_object().unwrap().keys().collect();
        keys.sort();
        assert_eq!(
            keys,
            [
                "completed_at",
                "created_at",
                "id",
                "notification_type",
                "provider_response",
                "reference",
                "sent_at",
                "status",
                "status_description",
                "template_id",
                "template_version",
                "to",
            ]
        );
        if recipient.starts_with("complaint") {
            let call = told(&receiver, "notification_id", &id, 200).await;
            assert_eq!(call["verified"], true, "{call}");
            assert_eq!(call["path"], "/ok/complaints");
            // Notify's field for the event is what the call is known by.
            assert_eq!(call["body"]["complaint_id"], call["id"]);
        }
    }
    stack.assert_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_secrets_go_in_or_are_shown_once_and_never_come_back() {
    let stack = stack().await;
    let receiver = WebhookReceiver::start(&[]).await;
    let directory = tempfile::tempdir().unwrap();
    let token_file = directory.path().join("token");
    std::fs::write(&token_file, format!("{TOKEN}\n")).unwrap();
    let service = stack.demo("SERVICE_ID");
    let url = receiver.url("/fail-1");
    let token_file = token_file.display().to_string();
    let add = ["callback", "add", service, "--kind", "delivery-status"];
    let with = [
        "--url",
        &url,
        "--token-file",
        &token_file,
        "--format",
        "json",
    ];
    let printed = stack.carillon(&[&add[..], &with].concat()).await;
    let added: Value = serde_json::from_str(&printed).unwrap();
    let secret = added["secret"].as_str().unwrap();
    let id = added["id"].as_str().unwrap();
    assert!(secret.starts_with("whsec_"), "{printed}");
    assert!(!printed.contains(TOKEN), "{printed}");
    receiver.trust(secret);

    let path = format!("{}/{id}", base(&stack));
    let (status, twice) = stack
        .post(
            &base(&stack),
            &stack.admin(),
            &json!({ "kind": "delivery-status", "url": url, "bearer_token": TOKEN }),
        )
        .await;
    assert_eq!(status, 409, "{twice}");
    let (_, rotated) = call(
        &stack,
        Method::POST,
        &format!("{path}/rotate-secret"),
        Value::Null,
    )
    .await;
    let second = rotated["secret"].as_str().unwrap();
    assert_ne!(second, secret);
    let mut seen = Vec::new();
    for path in [&path, &base(&stack), &format!("{path}/events")] {
        let (status, shown) = call(&stack, Method::GET, path, Value::Null).await;
        assert_eq!(status, 200, "{shown}");
        seen.push(shown.to_string());
    }
    for verb in ["list", "show"] {
        let of = ["callback", verb, service, id];
        let args = if verb == "list" { &of[..3] } else { &of[..] };
        seen.push(stack.carillon(args).await);
    }
    let change = json!({ "url": receiver.url("/fail-1") });
    let (_, changed) = call(&stack, Method::PATCH, &path, change).await;
    seen.push(changed.to_string());
    for text in seen {
        for secret in [TOKEN, secret, second, "whsec_"] {
            assert!(!text.contains(secret), "{text}");
        }
    }

    // During the overlap either secret verifies, and after it only the newest.
    receiver.trust(second);
    let message = stack.send_email("ada@example.org", "Ada").await;
    let failed = told(&receiver, "id", &message, 500).await;
    let repeated = told(&receiver, "id", &message, 200).await;
    assert_eq!(failed["id"], repeated["id"]);
    assert_eq!(failed["verified_by"], json!([0, 1]), "{failed}");
    let retire = format!("{path}/rotate-secret?retire=true");
    let (status, retired) = call(&stack, Method::POST, &retire, Value::Null).await;
    assert_eq!((status, &retired["secret"]), (200, &Value::Null));
    let message = stack.send_email("ada@example.org", "Ada").await;
    let after = told(&receiver, "id", &message, 200).await;
    assert_eq!(after["verified_by"], json!([1]), "{after}");

    // Each call is on record, by the id that the receiver saw.
    let event = failed["id"].as_str().unwrap();
    let attempts = eventually("both calls are on record", TOLD_WITHIN, async || {
        let path = format!("/api/callback-events/{event}/attempts");
        let (_, read) = call(&stack, Method::GET, &path, Value::Null).await;
        (read["attempts"].as_array()?.len() == 2).then_some(read)
    })
    .await;
    assert_eq!(attempts["event"]["outcome"], "delivered");
    let answers: Vec<&Value> = attempts["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| &attempt["http_status"])
        .collect();
    assert_eq!(answers, [&json!(500), &json!(200)]);
    let printed = stack.carillon(&["callback", "attempts", event]).await;
    assert_eq!(printed.lines().count(), 3, "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_told_nothing_more_until_somebody_begins_anew() {
    let stack = stack().await;
    let receiver = WebhookReceiver::start(&[]).await;
    let callback = register(&stack, &receiver, "delivery-status", "/gone").await;
    let missed = stack.send_email("ada@example.org", "Ada").await;
    told(&receiver, "id", &missed, 410).await;
    let read = async || {
        call(&stack, Method::GET, &callback.path, Value::Null)
            .await
            .1
    };
    let gone = eventually("the callback is switched off", TOLD_WITHIN, async || {
        let shown = read().await;
        (shown["active"] == false).then_some(shown)
    })
    .await;
    assert_eq!(gone["disabled_reason"], "gone");
    let failed = format!("{}/events?outcome=failed", callback.path);
    let (_, page) = call(&stack, Method::GET, &failed, Value::Null).await;
    assert_eq!(page["events"][0]["outcome"], "disabled", "{page}");
    assert_eq!(page["events"][0]["notification_id"], missed);
    let untold = stack.send_email("bob@example.org", "Bob").await;
    stack.until_status(&untold, "delivered").await;

    let replay = format!("{}/replay", callback.path);
    let since = json!({ "since": "2026-01-01T00:00:00Z", "only": "failed" });
    let (status, refused) = call(&stack, Method::POST, &replay, since.clone()).await;
    assert_eq!(
        (status, &refused["errors"][0]["field"]),
        (422, &json!("active"))
    );
    let anew = json!({ "url": receiver.url("/ok"), "active": true });
    let (status, shown) = call(&stack, Method::PATCH, &callback.path, anew).await;
    assert_eq!((status, &shown["disabled_reason"]), (200, &Value::Null));
    let (status, replayed) = call(&stack, Method::POST, &replay, since).await;
    assert_eq!(
        (status, &replayed["replayed"]),
        (200, &json!(1)),
        "{replayed}"
    );
    let again = told(&receiver, "id", &missed, 200).await;
    assert_eq!(again["verified"], true, "{again}");
    assert_eq!(page["events"][0]["id"], again["id"]);

    // On the command line an event is named.
    let (service, event) = (stack.demo("SERVICE_ID"), again["id"].as_str().unwrap());
    eventually("the event has ended", TOLD_WITHIN, async || {
        let args = [
            "callback",
            "replay",
            service,
            &callback.id,
            "--event",
            event,
        ];
        let printed = stack.carillon(&args).await;
        printed.starts_with("1 events").then_some(())
    })
    .await;
    eventually("it is told once more", TOLD_WITHIN, async || {
        let calls = receiver.calls();
        let n = calls.iter().filter(|call| call["id"] == event).count();
        (n == 3).then_some(())
    })
    .await;
    let told_of_bob = receiver
        .calls()
        .iter()
        .any(|call| call["body"]["id"] == untold);
    assert!(!told_of_bob, "what happened meanwhile is not told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_call_says_what_came_of_it_and_a_removed_callback_is_gone() {
    let stack = stack().await;
    let receiver = WebhookReceiver::start(&[]).await;
    let callback = register(&stack, &receiver, "complaint", "/ok").await;
    let test = format!("{}/test", callback.path);
    let (status, tried) = call(&stack, Method::POST, &test, Value::Null).await;
    assert_eq!(status, 200, "{tried}");
    assert_eq!(
        (&tried["delivered"], &tried["http_status"]),
        (&json!(true), &json!(200))
    );
    let calls = receiver.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0]["body"], json!({ "health_check": "true" }));
    assert_eq!(calls[0]["verified"], true, "{}", calls[0]);
    let elsewhere = json!({ "url": receiver.url("/status-503") });
    call(&stack, Method::PATCH, &callback.path, elsewhere).await;
    let (status, tried) = call(&stack, Method::POST, &test, Value::Null).await;
    assert_eq!(
        (status, &tried["delivered"]),
        (200, &json!(false)),
        "{tried}"
    );
    assert_eq!(tried["http_status"], 503);

    let (status, _) = call(&stack, Method::DELETE, &callback.path, Value::Null).await;
    assert_eq!(status, 204);
    for (method, path) in [
        (Method::GET, &callback.path),
        (Method::DELETE, &callback.path),
        (Method::POST, &test),
        (Method::GET, &format!("{}/events", callback.path)),
    ] {
        let (status, _) = call(&stack, method, path, Value::Null).await;
        assert_eq!(status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_leads_inside_is_refused_with_the_reason_and_nothing_is_kept() {
    let stack = Stack::start(StackOptions::default()).await;
    let good = "https://app.example.org/notify";
    for (url, token, field, words) in [
        ("http://app.example.org/", TOKEN, "url", "https://"),
        ("https://127.0.0.1/", TOKEN, "url", "loopback"),
        ("https://2130706433/", TOKEN, "url", "loopback"),
        ("https://0x7f.1/", TOKEN, "url", "loopback"),
        ("https://[::ffff:127.0.0.1]/", TOKEN, "url", "is refused"),
        ("https://169.254.169.254/latest", TOKEN, "url", "is refused"),
        ("https://10.0.0.1/", TOKEN, "url", "is refused"),
        ("https://localhost/", TOKEN, "url", "inside network"),
        (
            "https://ada:x@app.example.org/",
            TOKEN,
            "url",
            "user or password",
        ),
        ("https://app.example.org:25/", TOKEN, "url", "port"),
        (good, "too short", "bearer_token", "10 to 4096"),
        (good, "with a space", "bearer_token", "10 to 4096"),
    ] {
        let new = json!({ "kind": "delivery-status", "url": url, "bearer_token": token });
        let (status, problem) = stack.post(&base(&stack), &stack.admin(), &new).await;
        assert_eq!(status, 422, "{url} {problem}");
        let error = &problem["errors"][0];
        assert_eq!(error["field"], field, "{url} {problem}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(words), "{url}: {message}");
        assert!(!problem.to_string().contains(token), "{problem}");
    }
    // All that is wrong is said at once.
    let both = json!({ "kind": "complaint", "url": "x", "bearer_token": "y" });
    let (_, problem) = stack.post(&base(&stack), &stack.admin(), &both).await;
    assert_eq!(problem["errors"].as_array().unwrap().len(), 2, "{problem}");
    let kept = "SELECT count(*) FROM service_callbacks";
    assert_eq!(stack.database.number(kept).await, 0);

    let new = json!({ "kind": "complaint", "url": good, "bearer_token": TOKEN });
    let (status, made) = stack.post(&base(&stack), &stack.admin(), &new).await;
    assert_eq!(status, 201, "{made}");
    let path = format!("{}/{}", base(&stack), made["id"].as_str().unwrap());
    let inside = json!({ "url": "https://192.168.0.1/" });
    let (status, _) = call(&stack, Method::PATCH, &path, inside).await;
    assert_eq!(status, 422);
    let (status, _) = stack.post(&base(&stack), &stack.key(), &new).await;
    assert_eq!(status, 401);
}
