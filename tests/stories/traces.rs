//! One message's whole trace, as an OTLP collector gets it.

mod collector;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use carillon_test_support::{Stack, StackOptions, eventually};
use serde_json::json;

use collector::{Collector, Seen};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// Every hop of an e-mail that is delivered, in order, with the hop it follows from.
const HOPS: [(&str, Option<&str>); 9] = [
    ("POST /v2/notifications/email", None),
    ("publish database", Some("POST /v2/notifications/email")),
    ("process database", Some("publish database")),
    ("deliver", Some("POST /v2/notifications/email")),
    ("call provider", Some("deliver")),
    ("POST /callbacks/sandbox", Some("call provider")),
    ("publish ses-callbacks", Some("POST /callbacks/sandbox")),
    ("process ses-callbacks", Some("publish ses-callbacks")),
    ("receipt", Some("POST /v2/notifications/email")),
];

/// What is not a child of the hop before it is linked to it.
const LINKS: [(&str, &str); 6] = [
    ("publish database", "POST /v2/notifications/email"),
    ("process database", "publish database"),
    ("deliver", "process database"),
    ("publish ses-callbacks", "POST /callbacks/sandbox"),
    ("process ses-callbacks", "publish ses-callbacks"),
    ("receipt", "process ses-callbacks"),
];

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn stack_exporting_to(collector: &Collector) -> Stack {
    Stack::start(StackOptions {
        env: vec![
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()),
            ("OTEL_BSP_SCHEDULE_DELAY", "100".to_owned()),
        ],
        ..StackOptions::default()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_s_trace_reaches_from_the_request_to_the_receipt() {
    let collector = Collector::start();
    let stack = stack_exporting_to(&collector).await;
    let body = json!({
        "email_address": "ada.lovelace@example.org",
        "template_id": stack.demo("EMAIL_TEMPLATE_ID"),
        "personalisation": { "name": "Lovelace" },
    });
    let answer = client()
        .post(format!("{}/v2/notifications/email", stack.api_url))
        .header("Authorization", stack.key())
        .header("traceparent", format!("00-{TRACE_ID}-{CALLER}-01"))
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["x-trace-id"], TRACE_ID);
    let answer: serde_json::Value = answer.json().await.unwrap();
    let id = answer["id"].as_str().unwrap();
    stack.until_status(id, "delivered").await;

    let is_whole = || collector.spans_of(TRACE_ID).len() >= HOPS.len();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_whole() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let spans = collector.spans_of(TRACE_ID).into_iter();
    let spans: BTreeMap<String, Seen> = spans.map(|span| (span.name.clone(), span)).collect();
    let names: BTreeSet<_> = spans.keys().map(String::as_str).collect();
    assert_eq!(names, HOPS.iter().map(|(name, _)| *name).collect());
    for (name, parent) in HOPS {
        let expected = parent.map_or(CALLER, |parent| &spans[parent].span_id);
        assert_eq!(spans[name].parent_span_id, expected, "the parent of {name}");
    }
    for (name, linked) in LINKS {
        let to = &spans[linked].span_id;
        assert!(
            spans[name].links.contains(to),
            "{name} is not linked to {linked}"
        );
    }
    let processes: Vec<_> = spans.values().map(|span| span.process.as_str()).collect();
    assert!(processes.contains(&"carillon-api") && processes.contains(&"carillon-worker"));
    assert_eq!(
        spans["call provider"].attributes["carillon.outcome"],
        "accepted"
    );
    assert_eq!(spans["deliver"].attributes["carillon.notification.id"], id);

    // The timeline leads to the trace, and nothing in the trace leads to a person.
    let path = format!("/api/notifications/{id}/timeline");
    let (_, timeline) = stack.get(&path, &stack.admin()).await;
    assert_eq!(timeline["trace_id"], TRACE_ID);
    assert!(stack.carillon(&["timeline", id]).await.contains(TRACE_ID));
    for secret in ["lovelace", stack.demo("API_KEY")] {
        let found = collector.bodies_contain(&secret.to_lowercase());
        assert!(!found, "{secret} was exported");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_caller_does_not_record_is_not_recorded_but_has_an_id() {
    let collector = Collector::start();
    let stack = stack_exporting_to(&collector).await;
    let ask = |path: &str| {
        let request = client().get(format!("{}{path}", stack.api_url));
        request.header("traceparent", format!("00-{TRACE_ID}-{CALLER}-00"))
    };
    let refused = ask("/api/services").send().await.unwrap();
    assert_eq!(refused.headers()["x-trace-id"], TRACE_ID);
    let problem: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(problem["trace_id"], TRACE_ID);

    for path in ["/livez", "/metrics", "/v2/notifications", "/_status"] {
        let answer = ask(path).send().await.unwrap();
        assert_eq!(answer.headers()["x-trace-id"], TRACE_ID, "{path}");
    }

    // One that begins here is recorded; once it has arrived, so would the other have.
    let nothing = format!("{}/nothing", stack.api_url);
    let begun = client().get(nothing).send().await.unwrap();
    let begun = begun.headers()["x-trace-id"].to_str().unwrap().to_owned();
    assert_eq!(begun.len(), 32);
    eventually("a trace", Duration::from_secs(20), async || {
        (!collector.spans_of(&begun).is_empty()).then_some(())
    })
    .await;
    assert!(collector.spans_of(TRACE_ID).is_empty());
}
