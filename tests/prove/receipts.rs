//! Receipts: each change that a provider reports reaches the service, whatever happens to the worker.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use carillon_test_support::{Member, Stack, StackOptions, WebhookReceiver, eventually};
use serde_json::{Value, json};

use crate::load::Load;

const MESSAGES: usize = 5_000;
const CONNECTIONS: usize = 16;
/// So many changes have been told when the worker is killed.
const KILLED_AT: [i64; 3] = [500, 1_500, 2_500];
/// What a dead worker held is sent on when its leases have ended; what failed is told again.
const ENDS_WITHIN: Duration = Duration::from_secs(300);
/// Results are written together, so a call may have ended a moment before its worker was killed.
const BEFORE_A_KILL_S: f64 = 10.0;

/// Most arrive; the others have the sandbox's other ends.
fn recipient(n: usize) -> String {
    match n % 50 {
        0 => "complaint@simulator.notify".to_owned(),
        10 | 20 => "perm-fail@simulator.notify".to_owned(),
        30 | 40 => "temp-fail@simulator.notify".to_owned(),
        _ => format!("n{n}@example.org"),
    }
}

fn status_of(recipient: &str) -> &'static str {
    match recipient {
        "perm-fail@simulator.notify" => "permanent-failure",
        "temp-fail@simulator.notify" => "temporary-failure",
        _ => "delivered",
    }
}

/// What the database says of a change that the service is to be told of.
struct Event {
    notification: String,
    kind: String,
    status: String,
    /// Calls that were begun, and of those the ones whose end was written, and failed.
    begun: usize,
    ended: usize,
    failed: usize,
}

async fn register(stack: &Stack, receiver: &WebhookReceiver, kind: &str, path: &str) {
    let new = json!({
        "kind": kind, "url": receiver.url(path), "bearer_token": "a-token-of-the-service",
    });
    let path = format!("/api/services/{}/callbacks", stack.demo("SERVICE_ID"));
    let (status, made) = stack.post(&path, &stack.admin(), &new).await;
    assert_eq!(status, 201, "{made}");
    receiver.trust(made["secret"].as_str().unwrap());
}

async fn events(stack: &Stack) -> HashMap<String, Event> {
    let query = "SELECT e.id::text, e.notification_id::text, e.kind, e.status, e.attempts,
            count(a.event_id),
            count(a.event_id) FILTER (WHERE a.http_status IS NULL OR a.http_status >= 300)
        FROM callback_events e LEFT JOIN callback_attempts a ON a.event_id = e.id
        GROUP BY e.id";
    let rows = stack.database.client().await.query(query, &[]).await;
    let count = |n: i64| usize::try_from(n).unwrap();
    rows.unwrap()
        .into_iter()
        .map(|row| {
            let event = Event {
                notification: row.get(1),
                kind: row.get(2),
                status: row.get(3),
                begun: usize::try_from(row.get::<_, i32>(4)).unwrap(),
                ended: count(row.get(5)),
                failed: count(row.get(6)),
            };
            (row.get(0), event)
        })
        .collect()
}

/// Recipient and status of each message.
async fn messages(stack: &Stack) -> HashMap<String, (String, String)> {
    let query = "SELECT id::text, recipient, status FROM notifications";
    let rows = stack.database.client().await.query(query, &[]).await;
    let message = |row: tokio_postgres::Row| (row.get(0), (row.get(1), row.get(2)));
    rows.unwrap().into_iter().map(message).collect()
}

/// Kills the worker three times, each time with receipts to come and calls to make; when that was,
/// in seconds of the epoch.
async fn kill_thrice(stack: &mut Stack) -> Vec<f64> {
    let mut killed_at = Vec::new();
    for n_told in KILLED_AT {
        let what = format!("{n_told} changes are told");
        eventually(&what, ENDS_WITHIN, async || {
            let query = "SELECT count(*) FROM callback_attempts";
            (stack.database.number(query).await >= n_told).then_some(())
        })
        .await;
        stack.kill_worker();
        killed_at.push(carillon_core::clock::now().timestamp_micros() as f64 / 1e6);
        let open = "SELECT count(*) FROM notifications WHERE completed_at IS NULL";
        let untold = "SELECT count(*) FROM callback_events WHERE completed_at IS NULL";
        let (n_open, n_untold) = (
            stack.database.number(open).await,
            stack.database.number(untold).await,
        );
        println!("killed with {n_open} messages open and {n_untold} changes to tell");
        assert!(n_open > 0 && n_untold > 0, "nothing was under way");
        stack.launch_process(Member::Worker, &[]);
    }
    killed_at
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_of_5_000_messages_is_told_with_the_worker_killed_three_times() {
    let mut stack = Stack::start(StackOptions {
        env: vec![
            ("CARILLON__CALLBACKS__ALLOW_PRIVATE_TARGETS", "true".into()),
            // Minutes between attempts become parts of a second.
            ("CARILLON__CALLBACKS__RETRY_SCALE", "0.001".into()),
        ],
        ..StackOptions::default()
    })
    .await;
    let receiver = WebhookReceiver::start(&[]).await;
    // Not the first call of each: an endpoint that fails call after call is left alone for minutes.
    register(
        &stack,
        &receiver,
        "delivery-status",
        "/fail-one-in-50/status",
    )
    .await;
    register(&stack, &receiver, "complaint", "/fail-one-in-10/complaints").await;

    let began = Instant::now();
    let load = Load::to(&stack, recipient);
    let posting = load.posts(MESSAGES, CONNECTIONS);
    let (seen, killed_at) = tokio::join!(posting, kill_thrice(&mut stack));
    assert_eq!(seen.accepted, MESSAGES);
    eventually("every change is told", ENDS_WITHIN, async || {
        let open = "SELECT count(*) FROM notifications WHERE completed_at IS NULL";
        let untold = "SELECT count(*) FROM callback_events WHERE completed_at IS NULL";
        let n_left = stack.database.number(open).await + stack.database.number(untold).await;
        (n_left == 0).then_some(())
    })
    .await;
    let took = began.elapsed();
    stack.assert_settled().await;

    let (messages, events) = (messages(&stack).await, events(&stack).await);
    let calls = receiver.calls();
    assert!(calls.iter().all(|call| call["verified"] == true));
    let told = Told::of(&calls);
    let missing = told.missing(&messages);
    assert_eq!(missing, Vec::<String>::new(), "not told");
    let repeats = told.repeats(&events, &killed_at);
    assert!(repeats.after_failure > 0, "no call has failed");
    let mut by_status: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, status) in messages.values() {
        *by_status.entry(status).or_default() += 1;
    }
    println!(
        "{MESSAGES} messages {by_status:?}; {} changes, all told in {took:?}, 0 missing; {} calls: \
         {} repeated after a failed attempt, {} after the worker was killed during the call, 0 for \
         any other reason",
        events.len(),
        calls.len(),
        repeats.after_failure,
        repeats.after_kill,
    );
}

/// The receiver's log, by event.
struct Told<'a> {
    calls: HashMap<&'a str, Vec<&'a Value>>,
    /// (message, status, or `complaint`) of the calls that were answered well.
    heard: HashSet<(&'a str, &'a str)>,
}

#[derive(Default)]
struct Repeats {
    after_failure: usize,
    after_kill: usize,
}

impl<'a> Told<'a> {
    fn of(log: &'a [Value]) -> Self {
        let mut calls: HashMap<&str, Vec<&Value>> = HashMap::new();
        let mut heard = HashSet::new();
        for call in log {
            calls
                .entry(call["id"].as_str().unwrap())
                .or_default()
                .push(call);
            let body = &call["body"];
            let change = match body["status"].as_str() {
                Some(status) => (body["id"].as_str().unwrap(), status),
                None => (body["notification_id"].as_str().unwrap(), "complaint"),
            };
            if call["status"] == 200 {
                heard.insert(change);
            }
        }
        Self { calls, heard }
    }

    /// What the service should know and does not, for each message and its end.
    fn missing(&self, messages: &HashMap<String, (String, String)>) -> Vec<String> {
        assert_eq!(messages.len(), MESSAGES);
        let mut missing = Vec::new();
        for (id, (recipient, status)) in messages {
            assert_eq!(status, status_of(recipient), "{id} to {recipient}");
            let complains = recipient.starts_with("complaint@");
            let changes = [Some(status.as_str()), complains.then_some("complaint")];
            for change in changes.into_iter().flatten() {
                if !self.heard.contains(&(id.as_str(), change)) {
                    missing.push(format!("{id} {change}"));
                }
            }
        }
        missing
    }

    /// Why calls were repeated. Each repeat must follow a failed attempt, or a call that was going
    /// on when the worker was killed.
    fn repeats(&self, events: &HashMap<String, Event>, killed_at: &[f64]) -> Repeats {
        let mut repeats = Repeats::default();
        for (id, calls) in &self.calls {
            let event = events
                .get(*id)
                .unwrap_or_else(|| panic!("{id} is no event"));
            let what = format!("{} {} of {}", event.kind, event.status, event.notification);
            let vanished = event.begun - event.ended;
            let n_repeats = calls.len() - 1;
            assert!(
                n_repeats <= event.failed + vanished,
                "{what}: {} calls, {} failed, {vanished} vanished",
                calls.len(),
                event.failed
            );
            let after_failure = n_repeats.min(event.failed);
            repeats.after_failure += after_failure;
            repeats.after_kill += n_repeats - after_failure;
            let cut_off = calls.iter().filter(|call| {
                let at = call["at"].as_f64().unwrap();
                let near = |kill: &f64| (kill - BEFORE_A_KILL_S..=*kill).contains(&at);
                killed_at.iter().any(near)
            });
            assert!(
                n_repeats - after_failure <= cut_off.count(),
                "{what} was repeated, and no worker was killed at the time"
            );
        }
        let told: HashSet<&str> = self.calls.keys().copied().collect();
        let untold = events.keys().filter(|id| !told.contains(id.as_str()));
        assert_eq!(untold.count(), 0, "changes that were never told");
        repeats
    }
}
