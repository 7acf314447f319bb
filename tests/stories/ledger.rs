//! The ledger: what was accepted adds up wherever it is, and what an administrator of the broker threw
//! away is reported, to the message.

use std::time::Duration;

use carillon_test_support::{Process, Stack, StackOptions, amqp_url, eventually};
use lapin::options::QueuePurgeOptions;
use lapin::{Connection, ConnectionProperties};
use serde_json::{Value, json};

fn options() -> StackOptions {
    StackOptions {
        env: vec![("CARILLON__POLLER__MARKER_INTERVAL_MS", "500".to_owned())],
        ..StackOptions::default()
    }
}

async fn ledger(stack: &Stack, query: &str) -> Value {
    let (status, report) = stack
        .get(&format!("/api/ledger{query}"), &stack.admin())
        .await;
    assert_eq!(status, 200, "{report}");
    report
}

/// Two minutes pass, and the check that is due then.
async fn after_the_next_check(stack: &Stack) -> Value {
    let before = ledger(stack, "").await["checked_until"].clone();
    stack.database.advance_clock(Duration::from_secs(121)).await;
    eventually(
        "the ledger is checked",
        Duration::from_secs(60),
        async || {
            let report = ledger(stack, "").await;
            let after = &report["checked_until"];
            (!after.is_null() && *after != before).then_some(report)
        },
    )
    .await
}

/// What the API has accepted is written down.
async fn counted(stack: &Stack, n: i64) {
    let sum = "SELECT coalesce(sum(n), 0)::bigint FROM ledger_accepted";
    eventually(
        "what was accepted is counted",
        Duration::from_secs(30),
        async || (stack.database.number(sum).await == n).then_some(()),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_adds_up_and_so_does_what_was_set_aside() {
    let stack = Stack::start(options()).await;
    // PostgreSQL refuses one of them for good.
    stack
        .database
        .execute(
            "ALTER TABLE notifications ADD CONSTRAINT refused \
             CHECK (normalised_recipient <> 'refused@example.org')",
        )
        .await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(stack.send_email(&format!("n{n}@example.org"), "Ada").await);
    }
    stack.send_email("refused@example.org", "Ada").await;
    for id in &ids {
        stack.until_status(id, "delivered").await;
    }
    counted(&stack, 6).await;
    eventually("one is set aside", Duration::from_secs(30), async || {
        let n = stack
            .database
            .number("SELECT count(*) FROM quarantine")
            .await;
        (n == 1).then_some(())
    })
    .await;

    // By then nothing can be in an inbox any more.
    for _ in 0..3 {
        after_the_next_check(&stack).await;
    }
    let service = stack.demo("SERVICE_ID");
    let report = ledger(&stack, &format!("?service={service}&lane=normal")).await;
    let line = &report["lines"][0];
    let expected = json!({
        "service_id": service, "lane": "normal", "accepted": 6, "uncounted": 0, "in_inbox": 0,
        "saved": 5, "quarantined": 1, "waiting": {}, "on_its_way": 0, "with_provider": 0,
        "terminal": {"delivered": 5}, "missing": 0, "adrift": 0, "adds_up": true,
    });
    assert_eq!(line, &expected, "{report}");
    assert_eq!(report["adds_up"], true);
    let printed = stack.carillon(&["ledger"]).await;
    assert!(
        printed.contains("adds up; every minute before"),
        "{printed}"
    );
    // Whoever watches has seen it when they leave.
    let env = [("DATABASE_URL", &stack.database.url)];
    let mut watch = Process::start("carillon", env, &["ledger", "--watch"]);
    let within = Duration::from_secs(30);
    eventually("the ledger is shown", within, async || {
        watch.logs().contains("adds up; every").then_some(())
    })
    .await;
    watch.signal("INT");
    watch.ended(within).await;
    let shown = watch.logs();
    assert_eq!(shown.matches("adds up; every").count(), 1, "{shown}");
    let (status, refusal) = stack.get("/api/ledger?lane=fast", &stack.admin()).await;
    assert_eq!(
        (status, &refusal["errors"][0]["field"]),
        (422, &json!("lane"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_purged_from_an_inbox_is_reported_to_the_message() {
    let mut stack = Stack::start(options()).await;
    let kept = stack.send_email("kept@example.org", "Ada").await;
    stack.until_status(&kept, "delivered").await;
    stack.kill_worker();
    for n in 0..8 {
        stack.send_email(&format!("n{n}@example.org"), "Ada").await;
    }
    counted(&stack, 9).await;
    let connection = Connection::connect(&amqp_url(), ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    let inbox = format!("{}database", stack.prefix);
    channel
        .queue_purge(inbox.as_str().into(), QueuePurgeOptions::default())
        .await
        .unwrap();
    let report = after_the_next_check(&stack).await;
    let totals = &report["totals"];
    // As long as nobody takes from the inbox, they may be in it.
    assert_eq!(
        (&totals["in_inbox"], &totals["missing"]),
        (&json!(8), &json!(0))
    );

    stack.start_worker(&[]).await;
    let mut report = report;
    for _ in 0..6 {
        report = after_the_next_check(&stack).await;
        if report["adds_up"] == false {
            break;
        }
    }
    let totals = &report["totals"];
    assert_eq!(
        (&totals["in_inbox"], &totals["missing"]),
        (&json!(0), &json!(8))
    );
    assert_eq!(
        (&totals["accepted"], &totals["saved"]),
        (&json!(9), &json!(1))
    );
    let env = [("DATABASE_URL", stack.database.url.clone())];
    let error = Process::run("carillon", env, &["ledger", "--json"])
        .await
        .unwrap_err();
    assert!(error.contains("does not add up: 8 missing"), "{error}");
}
