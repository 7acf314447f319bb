//! Telling services, with real processes: what a receiver reports arrives at the service's URL,
//! signed, whatever the worker went through.

use std::collections::BTreeMap;
use std::time::Duration;

use carillon_core::id::ServiceId;
use carillon_core::webhook::CallbackKind;
use carillon_store::callback::management::{
    Callback, Changes, NewCallback, create, remove, update,
};
use carillon_store::seal::Sealer;
use carillon_store::{Options, Store};
use carillon_test_support::{Member, Stack, StackOptions, WebhookReceiver, eventually};

/// What the stack seals with.
const KEY: &[u8; 32] = b"the-key-of-all-tests-32-bytes-!!";
const PATIENCE: Duration = Duration::from_secs(60);
const N: usize = 30;

/// Short leases, so that what a dead worker held is sent on soon.
fn options() -> StackOptions {
    let env = [
        ("CARILLON__DELIVERY__LEASE_S", "8"),
        ("CARILLON__DELIVERY__PROVIDER_TIMEOUT_MS", "1000"),
        ("CARILLON__POLLER__RESCUE_INTERVAL_MS", "500"),
        ("CARILLON__POLLER__MARKER_INTERVAL_MS", "500"),
        ("CARILLON__CALLBACKS__ALLOW_PRIVATE_TARGETS", "true"),
        ("CARILLON__CALLBACKS__TIMEOUT_MS", "2000"),
        ("CARILLON__CALLBACKS__RETRY_SCALE", "0.004"),
    ];
    StackOptions {
        env: env.map(|(name, value)| (name, value.to_owned())).into(),
        ..StackOptions::default()
    }
}

/// Registers a URL with the demo service.
async fn register(stack: &Stack, receiver: &WebhookReceiver, path: &str) -> Callback {
    register_for(stack, receiver, path, CallbackKind::DeliveryStatus).await
}

async fn register_for(
    stack: &Stack,
    receiver: &WebhookReceiver,
    path: &str,
    kind: CallbackKind,
) -> Callback {
    let secret = carillon_providers::webhook::new_secret();
    receiver.trust(&secret);
    let new = NewCallback {
        service_id: ServiceId(stack.demo("SERVICE_ID").parse().expect("a UUID")),
        kind,
        url: receiver.url(path),
        bearer_token: "the-token".to_owned(),
        secret,
    };
    create(&store(stack), &new).await.expect("it is registered")
}

fn store(stack: &Stack) -> Store {
    Store::new(&Options {
        url: stack.database.url.clone(),
        max_connections: 1,
        statement_timeout: PATIENCE,
        connect_timeout: PATIENCE,
        application_name: "test".to_owned(),
        sealer: Sealer::new(&[KEY.to_vec()]).expect("the key is 32 bytes long"),
    })
    .expect("the URL of a test database can be read")
}

/// The statuses told of each notification, of verified calls that were taken.
fn told(receiver: &WebhookReceiver) -> BTreeMap<String, Vec<String>> {
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for call in receiver.calls() {
        assert_eq!(call["verified"], true, "{call}");
        let was_taken = call["status"].as_u64().is_some_and(|code| code < 300);
        let text = |key: &str| call["body"][key].as_str().map(ToOwned::to_owned);
        if let (true, Some(id), Some(status)) = (was_taken, text("id"), text("status")) {
            told.entry(id).or_default().push(status);
        }
    }
    told
}

async fn until_all_are_told(receiver: &WebhookReceiver, what: &str, n: usize) {
    eventually(what, PATIENCE, async || {
        (told(receiver).len() == n).then_some(())
    })
    .await;
}

async fn until_nothing_is_open(stack: &Stack) {
    let open = "SELECT count(*) FROM callback_events WHERE outcome IS DISTINCT FROM 'delivered'";
    eventually("every event is told", PATIENCE, async || {
        (stack.database.number(open).await == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_during_calls_loses_none() {
    let mut stack = Stack::start(options()).await;
    let receiver = WebhookReceiver::start(&[]).await;
    register(&stack, &receiver, "/ok").await;
    let mut n_sent = 0;
    for (point, action) in [
        ("worker.call_service.claimed", "return"),
        ("worker.call_service.answered", "9*off->return"),
        ("worker.call_service.marked", "return"),
    ] {
        stack.kill_worker();
        let crash = [("FAILPOINTS", format!("{point}={action}"))];
        stack.launch_process(Member::Worker, &crash);
        for n in 0..N {
            stack.send_email(&format!("n{n}@example.org"), point).await;
        }
        n_sent += N;
        let worker = stack.process(Member::Worker);
        let status = worker.ended(PATIENCE).await;
        assert!(!status.success(), "{point}");
        stack.start_worker(&[]).await;
        until_all_are_told(&receiver, point, n_sent).await;
    }
    until_nothing_is_open(&stack).await;
    for (id, statuses) in told(&receiver) {
        assert!(
            statuses.iter().all(|s| s == "delivered"),
            "{id}: {statuses:?}"
        );
    }
    let mut ids: Vec<_> = receiver
        .calls()
        .iter()
        .map(|call| call["id"].to_string())
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), n_sent, "a repeat bears the same id");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poller_killed_between_relay_and_publish_loses_no_call() {
    let mut stack = Stack::start(options()).await;
    let receiver = WebhookReceiver::start(&[]).await;
    register(&stack, &receiver, "/ok").await;
    stack.kill_poller();
    let crash = [("FAILPOINTS", "poller.outbox.committed=return".to_owned())];
    stack.launch_process(Member::Poller, &crash);
    for n in 0..N {
        stack.send_email(&format!("n{n}@example.org"), "x").await;
    }
    let status = stack.process(Member::Poller).ended(PATIENCE).await;
    assert!(!status.success());
    // What fell out is proved by a marker less the grace: let that time pass.
    stack.database.advance_clock(Duration::from_secs(120)).await;
    stack.start_poller(&[]).await;
    until_all_are_told(&receiver, "all are told after the rescue", N).await;
    until_nothing_is_open(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_tried_again_with_the_same_id() {
    let stack = Stack::start(options()).await;
    let receiver = WebhookReceiver::start(&[]).await;
    register(&stack, &receiver, "/fail-2").await;
    let id = stack.send_email("ada@example.org", "x").await;
    until_all_are_told(&receiver, "it is told in the end", 1).await;
    until_nothing_is_open(&stack).await;
    let calls = receiver.calls();
    assert_eq!(calls.len(), 3);
    assert!(calls.iter().all(|call| call["id"] == calls[0]["id"]));
    assert_eq!(told(&receiver)[&id], ["delivered"]);
    let attempts = "SELECT count(*) FROM callback_attempts";
    assert_eq!(stack.database.number(attempts).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_hangs_holds_up_no_other_and_is_left_alone() {
    let stack = Stack::start(options()).await;
    let receiver = WebhookReceiver::start(&[]).await;
    register(&stack, &receiver, "/ok").await;
    register_for(&stack, &receiver, "/hang", CallbackKind::Complaint).await;
    for n in 0..2 * N {
        let to = "complaint@simulator.notify";
        stack.send_email(to, &n.to_string()).await;
    }
    until_all_are_told(&receiver, "the other endpoint hears of all", 2 * N).await;
    let paused = "SELECT count(*) FROM service_callbacks
                  WHERE kind = 'complaint' AND n_failures >= 5 AND paused_until IS NOT NULL";
    eventually("it is left alone", PATIENCE, async || {
        (stack.database.number(paused).await == 1).then_some(())
    })
    .await;
    let waiting = "SELECT count(*) FROM callback_events
                   WHERE kind = 'complaint' AND wait_reason IN ('endpoint-paused', 'retry', 'new')";
    eventually("what it was to be told waits", PATIENCE, async || {
        (stack.database.number(waiting).await >= 2 * N as i64 - 1).then_some(())
    })
    .await;
    let calls = receiver.calls();
    let n_hanging = calls.iter().filter(|call| call["path"] == "/hang").count();
    // Its slots, perhaps filled once more before the news of their end was written, and a probe.
    assert!((1..=2 * 16 + 1).contains(&n_hanging), "{n_hanging}");
}

/// When each call at a path was read, in seconds of the epoch.
fn times(receiver: &WebhookReceiver, path: &str) -> Vec<f64> {
    let calls = receiver.calls();
    let here = calls.iter().filter(|call| call["path"] == path);
    here.map(|call| call["at"].as_f64().expect("a time"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_answers_well_but_slowly_holds_up_no_other() {
    const N_ALL: usize = 300;
    let mut options = options();
    // Four of eight slots for it, though by itself it might have all.
    for name in [
        "CARILLON__CALLBACKS__IN_FLIGHT",
        "CARILLON__CALLBACKS__IN_FLIGHT_PER_ENDPOINT",
    ] {
        options.env.push((name, "8".to_owned()));
    }
    let stack = Stack::start(options).await;
    let receiver = WebhookReceiver::start(&[]).await;
    register(&stack, &receiver, "/ok").await;
    register_for(&stack, &receiver, "/slow-1500", CallbackKind::Complaint).await;
    // Enough of them that it is known for what it is.
    let known = "SELECT count(*) FROM service_callbacks WHERE call_ms >= 1000";
    let mut n_sent = 0;
    eventually("it is known to be slow", PATIENCE, async || {
        let to = "complaint@simulator.notify";
        stack.send_email(to, &n_sent.to_string()).await;
        n_sent += 1;
        (stack.database.number(known).await == 1).then_some(())
    })
    .await;
    for n in n_sent..N_ALL {
        let to = "complaint@simulator.notify";
        stack.send_email(to, &n.to_string()).await;
    }
    until_all_are_told(&receiver, "the other endpoint hears of all", N_ALL).await;
    let n_slow = times(&receiver, "/slow-1500").len();
    assert!((1..N_ALL / 2).contains(&n_slow), "it is slow: {n_slow}");
    // A few times its slots are on their way, and none of them in the others' queue.
    let on_their_way = "SELECT count(*) FROM callback_events
        WHERE kind = 'complaint' AND dispatched_at IS NOT NULL AND queue = 'callbacks'";
    eventually("the others' queue is clear of it", PATIENCE, async || {
        (stack.database.number(on_their_way).await == 0).then_some(())
    })
    .await;
    let on_their_way = "SELECT count(*) FROM callback_events
        WHERE kind = 'complaint' AND dispatched_at IS NOT NULL";
    let n = stack.database.number(on_their_way).await;
    assert!((1..=64).contains(&n), "{n}");
    let failures = "SELECT count(*) FROM callback_attempts WHERE http_status IS DISTINCT FROM 200";
    assert_eq!(stack.database.number(failures).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_start_during_a_pause_counts_at_once() {
    let stack = Stack::start(options()).await;
    let receiver = WebhookReceiver::start(&[]).await;
    let callback = register(&stack, &receiver, "/status-503").await;
    for n in 0..N {
        stack.send_email(&format!("n{n}@example.org"), "x").await;
    }
    let paused = "SELECT count(*) FROM service_callbacks
                  WHERE n_failures >= 5 AND paused_until > carillon_now()";
    eventually("it is left alone", PATIENCE, async || {
        (stack.database.number(paused).await == 1).then_some(())
    })
    .await;
    // However long the pause is that it had come to.
    let longer = "UPDATE service_callbacks SET paused_until = carillon_now() + interval '1 hour'";
    stack.database.execute(longer).await;
    let n_before = receiver.calls().len();
    assert!(n_before < N, "its slots and a few more: {n_before}");
    let changes = Changes {
        url: Some(receiver.url("/ok")),
        ..Changes::default()
    };
    update(&store(&stack), callback.service_id, callback.id, &changes)
        .await
        .expect("it is there");
    until_all_are_told(&receiver, "all are told at the new URL", N).await;
    until_nothing_is_open(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_is_removed_during_a_call_leaves_nothing_waiting() {
    let stack = Stack::start(options()).await;
    let receiver = WebhookReceiver::start(&[]).await;
    let callback = register(&stack, &receiver, "/hang").await;
    for n in 0..N {
        stack.send_email(&format!("n{n}@example.org"), "x").await;
    }
    eventually("it is being called", PATIENCE, async || {
        (!receiver.calls().is_empty()).then_some(())
    })
    .await;
    remove(&store(&stack), callback.service_id, callback.id)
        .await
        .expect("it is there");
    let open = "SELECT count(*) FROM callback_events WHERE outcome IS DISTINCT FROM 'disabled'";
    eventually("everything has ended", PATIENCE, async || {
        (stack.database.number(open).await == 0).then_some(())
    })
    .await;
    let n_called = "SELECT count(*) FROM callback_attempts";
    assert!(stack.database.number(n_called).await >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_asks_for_a_pause_gets_it_and_hears_of_everything_after_it() {
    let stack = Stack::start(options()).await;
    let receiver = WebhookReceiver::start(&[]).await;
    register(&stack, &receiver, "/retry-after-3").await;
    for n in 0..N {
        stack.send_email(&format!("n{n}@example.org"), "x").await;
    }
    until_all_are_told(&receiver, "all are told in the end", N).await;
    until_nothing_is_open(&stack).await;
    // Each first call was put off. None came while it was to be left alone, but for those that were
    // in flight with the one that asked, until that was written.
    let times = times(&receiver, "/retry-after-3");
    assert_eq!(times.len(), 2 * N);
    let pauses = times.windows(2).filter(|pair| pair[1] - pair[0] > 2.5);
    assert!(pauses.count() >= 1, "{times:?}");
    let first_pause = times.windows(2).position(|pair| pair[1] - pair[0] > 2.5);
    assert!(first_pause.expect("there is one") <= 2 * 16, "{times:?}");
    // Neither the breaker nor the schedule counts it.
    let counted =
        "SELECT count(*) FROM callback_events WHERE attempts - attempts_before_replay <> 1";
    assert_eq!(stack.database.number(counted).await, 0);
    let failures = "SELECT sum(n_failures)::bigint FROM service_callbacks";
    assert_eq!(stack.database.number(failures).await, 0);
}
