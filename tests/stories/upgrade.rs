//! A rolling upgrade in short: both APIs and a worker are replaced under load. The whole of it, with every
//! process, is `./dev prove deploy`.

use std::collections::HashMap;
use std::time::Duration;

use carillon_test_support::{Member, Replica, Stack, StackOptions};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::{Value, json};

/// Between two posts.
const EVERY: Duration = Duration::from_millis(10);

/// Ten times as long as the balancer takes to notice.
const LINGER_MS: &str = "1000";

/// Posts one message over whichever connection the client has; its id, or what went wrong.
async fn post(client: &reqwest::Client, stack: &Stack, n: usize) -> Result<String, String> {
    let body = json!({
        "email_address": format!("n{n}@example.org"), "template_id": stack.demo("EMAIL_TEMPLATE_ID"),
        "personalisation": { "name": n },
    });
    let post = client.post(format!("{}/email", stack.api_url));
    let post = post.header("Authorization", stack.key()).json(&body);
    let answer = post.send().await.map_err(|error| format!("{error:?}"))?;
    let status = answer.status();
    let body: Value = answer.json().await.map_err(|error| format!("{error:?}"))?;
    let id = body["id"].as_str().filter(|_| status == 201);
    id.map(str::to_owned).ok_or(format!("{status} {body}"))
}

/// Posts at a steady rate until something is done; the answer to each.
async fn posts_until(stack: &Stack, done: impl Future<Output = ()>) -> Vec<Result<String, String>> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut tick = tokio::time::interval(EVERY);
    let (mut flying, mut answers) = (FuturesUnordered::new(), Vec::new());
    tokio::pin!(done);
    for n in 0.. {
        tokio::select! {
            () = &mut done => break,
            _ = tick.tick() => flying.push(post(&client, stack, n)),
            Some(answer) = flying.next() => answers.push(answer),
        }
    }
    while let Some(answer) = flying.next().await {
        answers.push(answer);
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_are_replaced_under_load_and_no_request_fails() {
    let mut stack = Stack::without_processes(StackOptions {
        api_env: vec![("CARILLON__API__LINGER_MS", LINGER_MS.to_owned())],
        ..StackOptions::default()
    })
    .await;
    stack.start_process(Member::Sandbox, &[]).await;
    stack.start_process(Member::Poller, &[]).await;
    let balancer = stack.balancer().await;
    let kinds = [Member::Api, Member::Api, Member::Worker];
    let mut old: Vec<Replica> = kinds.map(|kind| stack.replica(kind, &[])).into();
    for replica in &mut old {
        replica.ready(&balancer).await;
    }
    let mut new = Vec::new();
    let upgrade = async {
        for replica in old {
            let mut next = stack.replica(replica.member(), &[]);
            next.ready(&balancer).await;
            new.push(next);
            let ended = replica.terminate().await;
            assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        }
    };
    let answers = posts_until(&stack, upgrade).await;

    let failed: Vec<_> = answers
        .iter()
        .filter_map(|answer| answer.as_ref().err())
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {}: {failed:#?}",
        failed.len(),
        answers.len()
    );
    assert!(answers.len() > 100, "only {} posts", answers.len());
    stack.assert_settled().await;
    let mut n_calls: HashMap<String, usize> = HashMap::new();
    for call in stack.sandbox_calls().await {
        *n_calls
            .entry(call["id"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    for id in answers.iter().flatten() {
        assert_eq!(n_calls.get(id), Some(&1), "{id}");
    }
    assert_eq!(n_calls.len(), answers.len(), "messages");
}
