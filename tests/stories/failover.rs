//! Providers that fail: messages go another way, and who keeps failing is left alone.

use std::time::Duration;

use carillon_test_support::{
    MailServer, MailServerOptions, MailServerTls, Member, Stack, StackOptions, eventually,
    free_port,
};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

const RIGHT: (&str, &str) = ("ada", "hunter2-of-ada");

async fn call(stack: &Stack, method: Method, path: &str, body: &Value) -> Value {
    let answer = stack
        .request(method, path, &stack.admin(), Some(body))
        .await;
    let (status, answer) = answer.unwrap_or_else(|error| panic!("{path}: {error:?}"));
    assert!((200..300).contains(&status), "{path}: {status} {answer}");
    answer
}

async fn is_paused(stack: &Stack, provider: &str) -> bool {
    let url = format!("{}/metrics", stack.health_url(Member::Worker));
    let metrics = reqwest::get(&url).await.unwrap().text().await.unwrap();
    metrics.contains(&format!(
        "carillon_provider_paused{{provider=\"{provider}\"}} 1"
    ))
}

fn n_with(timeline: &[(String, Option<String>)], event: &str, reason: &str) -> usize {
    let is_it =
        |entry: &&(String, Option<String>)| entry.0 == event && entry.1.as_deref() == Some(reason);
    timeline.iter().filter(is_it).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_provider_cannot_take_another_takes_soon_and_the_first_is_left_alone() {
    let stack = Stack::start(StackOptions {
        // The usual wait would be minutes.
        env: vec![
            ("CARILLON__RETRY__SCALE", "1".to_owned()),
            ("CARILLON__DELIVERY__BREAKER_FAILURES", "5".to_owned()),
        ],
        ..StackOptions::default()
    })
    .await;
    let relay = json!({
        "name": "relay", "kind": "smtp",
        "settings": {"host": "127.0.0.1", "port": free_port(), "tls": "none"},
    });
    call(&stack, Method::POST, "/api/providers", &relay).await;
    stack
        .carillon(&[
            "provider",
            "weigh",
            "sandbox-email",
            "1",
            "--reason",
            "a story",
        ])
        .await;
    let send = |n: usize| {
        let stack = &stack;
        async move { stack.send_email(&format!("n{n}@example.org"), "Ada").await }
    };
    let ids = join_all((0..40).map(send)).await;
    for id in &ids {
        stack.until_status(id, "delivered").await;
        let timeline = stack.timeline(id).await;
        let n_failed = n_with(&timeline, "attempted", "provider-failure");
        assert!(n_failed <= 1, "{timeline:?}");
    }
    eventually(
        "the relay is left alone",
        Duration::from_secs(30),
        async || {
            stack.send_email("more@example.org", "Ada").await;
            is_paused(&stack, "relay").await.then_some(())
        },
    )
    .await;

    // Without the other one messages wait for it, and that is no attempt.
    stack
        .carillon(&["provider", "disable", "sandbox-email"])
        .await;
    let mut waiting = Vec::new();
    let held = eventually("a message is held", Duration::from_secs(60), async || {
        waiting.push(stack.send_email("later@example.org", "Ada").await);
        for id in &waiting {
            stack.notification(id).await;
            let timeline = stack.timeline(id).await;
            if n_with(&timeline, "held", "provider-paused") > 0
                && n_with(&timeline, "attempted", "provider-failure") == 0
            {
                return Some(id.clone());
            }
        }
        None
    })
    .await;
    stack
        .carillon(&["provider", "enable", "sandbox-email"])
        .await;
    stack.database.advance_clock(Duration::from_secs(60)).await;
    stack.until_status(&held, "delivered").await;
    let history = call(
        &stack,
        Method::GET,
        "/api/providers/sandbox-email/history",
        &Value::Null,
    )
    .await;
    let reasons: Vec<_> = history["changes"].as_array().unwrap().iter().collect();
    assert_eq!(reasons.len(), 4, "{history}");
    assert_eq!(reasons[2]["reason"], "a story", "{history}");
    assert_eq!(reasons[2]["after"]["weight"], 1, "{history}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_pauses_the_provider_and_costs_no_message_an_attempt() {
    let server = MailServer::start(MailServerOptions {
        tls: MailServerTls::Starttls,
        login: Some(RIGHT),
    })
    .await;
    let stack = Stack::start(StackOptions {
        // One attempt is all there is.
        env: vec![("CARILLON__RETRY__MAX_ATTEMPTS", "1".to_owned())],
        ..StackOptions::default()
    })
    .await;
    let relay = json!({
        "name": "relay", "kind": "smtp",
        "settings": {"host": "localhost", "port": server.port(), "ca_pem": server.ca_pem()},
        "credentials": {"username": RIGHT.0, "password": "wrong"},
    });
    call(&stack, Method::POST, "/api/providers", &relay).await;
    stack
        .carillon(&["provider", "disable", "sandbox-email"])
        .await;
    let ids = join_all((0..3).map(|_| stack.send_email("grace@example.org", "Ada"))).await;
    for id in &ids {
        eventually("it is held", Duration::from_secs(30), async || {
            stack.notification(id).await;
            let timeline = stack.timeline(id).await;
            (n_with(&timeline, "held", "provider-paused") > 0).then_some(())
        })
        .await;
    }
    assert!(is_paused(&stack, "relay").await);
    // They come back before it may be tried again, and wait once more, unclaimed and without a word.
    stack.database.advance_clock(Duration::from_secs(90)).await;
    let n_waiting = "SELECT count(*) FROM notifications
         WHERE wait_reason = 'provider-paused' AND due_at > carillon_now()";
    eventually("all wait again", Duration::from_secs(30), async || {
        let n = stack.database.number(n_waiting).await;
        (n == 3).then_some(())
    })
    .await;
    for id in &ids {
        let timeline = stack.timeline(id).await;
        assert_eq!(
            n_with(&timeline, "held", "provider-paused"),
            1,
            "{timeline:?}"
        );
    }
    let mended = json!({"credentials": {"username": RIGHT.0, "password": RIGHT.1}});
    call(&stack, Method::PATCH, "/api/providers/relay", &mended).await;
    eventually("it begins anew", Duration::from_secs(30), async || {
        (!is_paused(&stack, "relay").await).then_some(())
    })
    .await;
    stack.database.advance_clock(Duration::from_secs(90)).await;
    for id in &ids {
        stack.until_status(id, "sent").await;
    }
    assert_eq!(server.messages().len(), ids.len());
    stack.assert_settled().await;
}
