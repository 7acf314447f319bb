//! Receipts: early, late, doubled, reversed, unknown.

use carillon_core::id::NotificationId;
use carillon_core::receipt::{Receipt, ReceiptKind};
use carillon_store::notification::{apply_receipts, claim, mark};
use carillon_test_support::eventually;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use uuid::Uuid;

use crate::given::{Given, LEASE, accepted, emails, given, ids, receipt};

/// When it was sent and when it ended, in microseconds of the epoch.
async fn times(given: &Given, id: NotificationId) -> (Option<i64>, Option<i64>) {
    let micros = |column: &str| format!("(extract(epoch FROM {column}) * 1000000)::bigint");
    let query = format!(
        "SELECT {}, {} FROM notifications WHERE id = '{id}'",
        micros("sent_at"),
        micros("completed_at")
    );
    let row = given.database.client().await.query_one(&query, &[]).await;
    let row = row.expect("the query is right");
    (row.get(0), row.get(1))
}

/// What services are told of when a message ended, in microseconds of the epoch.
async fn told_of_end(given: &Given, id: NotificationId) -> i64 {
    let query = format!(
        "SELECT (extract(epoch FROM occurred_at) * 1000000)::bigint
         FROM callback_events WHERE notification_id = '{id}'"
    );
    given.database.number(&query).await
}

#[tokio::test]
async fn a_receipt_settles_a_sent_message() {
    let given = given().await;
    for (kind, status) in [
        (ReceiptKind::Delivered, "delivered"),
        (ReceiptKind::PermanentFailure, "permanent-failure"),
        (ReceiptKind::TemporaryFailure, "temporary-failure"),
        (ReceiptKind::Complaint, "delivered"),
    ] {
        let id = given.sending().await;
        assert!(
            apply_receipts(&given, &[receipt(id, kind, "e")])
                .await
                .unwrap()
                .unknown
                .is_empty()
        );
        let row = format!("{status} attempts=1 completed reference=reference-of-mark");
        assert_eq!(given.row(id).await, row);
    }
    let id = given.sending().await;
    apply_receipts(&given, &[receipt(id, ReceiptKind::Delayed, "e")])
        .await
        .unwrap();
    assert_eq!(
        given.row(id).await,
        "pending attempts=1 reference=reference-of-mark"
    );
}

#[tokio::test]
async fn a_receipt_that_comes_again_is_written_once() {
    let given = given().await;
    let id = given.sending().await;
    let one = receipt(id, ReceiptKind::Delivered, "e1");
    apply_receipts(&given, &[one.clone(), one.clone()])
        .await
        .unwrap();
    let again = [one];
    let applied = apply_receipts(&given, &again).await.unwrap();
    assert!(applied.unknown.is_empty());
    assert_eq!(
        given.timeline(id).await,
        ["accepted", "attempted", "receipt receipt-delivered"]
    );
}

#[tokio::test]
async fn the_same_receipts_in_any_order_and_twice_end_in_the_same_status() {
    let given = given().await;
    let mut runner = TestRunner::deterministic();
    let kinds = prop::collection::vec(prop::sample::select(ReceiptKind::ALL), 1..6);
    for _ in 0..10 {
        let kinds = kinds.new_tree(&mut runner).unwrap().current();
        let (forth, back) = (given.sending().await, given.sending().await);
        let all = |id: NotificationId| -> Vec<_> {
            kinds
                .iter()
                .enumerate()
                .map(|(i, k)| receipt(id, *k, &format!("e{i}")))
                .collect()
        };
        apply_receipts(&given, &all(forth)).await.unwrap();
        let mut reversed = all(back);
        reversed.reverse();
        for one in reversed.iter().chain(&reversed) {
            apply_receipts(&given, std::slice::from_ref(one))
                .await
                .unwrap();
        }
        assert_eq!(given.row(forth).await, given.row(back).await, "{kinds:?}");
        assert_eq!(given.timeline(back).await.len(), 2 + kinds.len());
    }
}

#[tokio::test]
async fn a_late_receipt_wins_over_a_temporary_failure_and_not_over_a_permanent_one() {
    let given = given().await;
    let id = given.sending().await;
    apply_receipts(&given, &[receipt(id, ReceiptKind::TemporaryFailure, "e1")])
        .await
        .unwrap();
    apply_receipts(&given, &[receipt(id, ReceiptKind::Delivered, "e2")])
        .await
        .unwrap();
    assert!(given.row(id).await.starts_with("delivered"));
    apply_receipts(&given, &[receipt(id, ReceiptKind::PermanentFailure, "e3")])
        .await
        .unwrap();
    apply_receipts(&given, &[receipt(id, ReceiptKind::Delivered, "e4")])
        .await
        .unwrap();
    assert!(given.row(id).await.starts_with("permanent-failure"));
    assert_eq!(given.timeline(id).await.len(), 6);
}

#[tokio::test]
async fn a_receipt_for_a_message_that_waits_ends_its_wait() {
    let given = given().await;
    let id = given.on_its_way().await;
    given.claimed(id).await;
    given.database.advance_clock(crate::given::LEASE * 2).await;
    carillon_store::notification::rescue_lost(&given, 48, 10)
        .await
        .unwrap();
    assert_eq!(
        given.row(id).await,
        "created attempts=1 waits=lease-expired"
    );
    apply_receipts(&given, &[receipt(id, ReceiptKind::Delivered, "e1")])
        .await
        .unwrap();
    let row = "delivered attempts=1 completed reference=reference-of-receipt";
    assert_eq!(given.row(id).await, row);
}

#[tokio::test]
async fn a_receipt_for_a_message_on_its_way_takes_it_out_of_the_flow() {
    let given = given().await;
    let id = given.on_its_way().await;
    apply_receipts(&given, &[receipt(id, ReceiptKind::Delivered, "e1")])
        .await
        .unwrap();
    let row = "delivered attempts=0 completed reference=reference-of-receipt";
    assert_eq!(given.row(id).await, row);
}

#[tokio::test]
async fn receipts_that_name_nothing_are_handed_back_and_the_others_count() {
    let given = given().await;
    let id = given.sending().await;
    let batch = [
        receipt(NotificationId::mint(), ReceiptKind::Delivered, "e1"),
        receipt(id, ReceiptKind::Delivered, "e2"),
        // A day without a partition, and an id without a time.
        receipt(crate::given::id_of_day(-300), ReceiptKind::Delayed, "e3"),
        receipt(
            NotificationId(uuid::Uuid::max()),
            ReceiptKind::Delivered,
            "e4",
        ),
    ];
    let mut unknown = apply_receipts(&given, &batch).await.unwrap().unknown;
    unknown.sort_by(|a, b| a.event_id.cmp(&b.event_id));
    assert_eq!(unknown, [&batch[0], &batch[2], &batch[3]]);
    assert!(given.row(id).await.starts_with("delivered"));
}

#[tokio::test]
async fn a_receipt_that_overtakes_the_mark_says_when_it_was_sent_and_the_mark_leaves_it_so() {
    let given = given().await;
    given.register(&["delivery-status"]).await;
    for (ahead_ms, kind) in [
        (5, ReceiptKind::Delivered),
        // The provider's clock is ahead, or behind.
        (3_600_000, ReceiptKind::Delivered),
        (-3_600_000, ReceiptKind::Delivered),
        (5, ReceiptKind::Delayed),
    ] {
        let id = given.on_its_way().await;
        let token = given.claimed(id).await;
        let mut overtaking = receipt(id, kind, "e");
        overtaking.at += chrono::Duration::milliseconds(ahead_ms);
        apply_receipts(&given, &[overtaking]).await.unwrap();
        let (sent, ended) = times(&given, id).await;
        let sent = sent.unwrap_or_else(|| panic!("{ahead_ms} {kind}: not sent"));
        let now = carillon_core::clock::now().timestamp_micros();
        assert!((now - sent).abs() < 60_000_000, "{ahead_ms} {kind}");
        if kind == ReceiptKind::Delivered {
            let ended = ended.unwrap();
            assert!(ended >= sent, "{ahead_ms}");
            assert_eq!(told_of_end(&given, id).await, ended, "{ahead_ms}");
        }
        mark(&given, &[accepted(id, token)], "worker")
            .await
            .unwrap();
        let after = times(&given, id).await;
        assert_eq!(after, (Some(sent), ended), "{ahead_ms} {kind}");
    }
}

#[tokio::test]
async fn no_message_ends_before_it_was_sent() {
    let given = given().await;
    given.register(&["delivery-status"]).await;
    let id = given.sending().await;
    let (sent, _) = times(&given, id).await;
    let early = Receipt {
        at: carillon_core::clock::now() - chrono::Duration::minutes(1),
        ..receipt(id, ReceiptKind::Delivered, "e1")
    };
    let early_too = Receipt {
        kind: ReceiptKind::PermanentFailure,
        event_id: "e2".to_owned(),
        ..early.clone()
    };
    apply_receipts(&given, &[early]).await.unwrap();
    assert_eq!(times(&given, id).await, (sent, sent));
    assert_eq!(Some(told_of_end(&given, id).await), sent);
    apply_receipts(&given, &[early_too]).await.unwrap();
    assert_eq!(times(&given, id).await, (sent, sent));
}

/// PostgreSQL ends such a circle after a second, in which nobody is told of anything.
#[tokio::test(flavor = "multi_thread")]
async fn results_and_receipts_of_the_same_messages_never_wait_for_each_other_in_a_circle() {
    let given = given().await;
    for round in 0..20 {
        let batch = emails(200);
        given.save(&batch).await;
        let token = Uuid::new_v4();
        claim(&given, &ids(&batch), token, LEASE).await.unwrap();
        // Answers come in any order, some of them late, and a statement takes some hundred of each.
        let whose = |n: usize| {
            if n.is_multiple_of(2) {
                token
            } else {
                Uuid::new_v4()
            }
        };
        let results: Vec<_> = ids(&batch)
            .into_iter()
            .rev()
            .enumerate()
            .map(|(n, id)| accepted(id, whose(n)))
            .collect();
        let receipts: Vec<_> = ids(&batch)
            .into_iter()
            .map(|id| receipt(id, ReceiptKind::Delivered, "e"))
            .collect();
        let (marked, applied) = tokio::join!(
            mark(&given, &results, "worker"),
            apply_receipts(&given, &receipts)
        );
        assert_eq!(marked.unwrap().n_late, 100, "{round}");
        assert!(applied.unwrap().unknown.is_empty(), "{round}");
    }
    let circles = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    given
        .database
        .client()
        .await
        .execute("SELECT pg_stat_force_next_flush()", &[])
        .await
        .unwrap();
    assert_eq!(given.database.number(circles).await, 0);
}

/// Neither unknown nor applied: whoever holds the row may be writing this very receipt.
#[tokio::test]
async fn a_receipt_of_a_message_that_somebody_is_changing_is_applied_once_that_is_done() {
    let given = given().await;
    let batch = emails(2);
    given.save(&batch).await;
    let [held, free] = ids(&batch)[..] else {
        panic!("two messages")
    };
    let somebody = given.database.client().await;
    let hold = format!("BEGIN; UPDATE notifications SET last_seq = 2 WHERE id = '{held}'");
    somebody.batch_execute(&hold).await.unwrap();
    let receipts = [
        receipt(held, ReceiptKind::Delivered, "e1"),
        receipt(free, ReceiptKind::Delivered, "e2"),
    ];
    let applying = apply_receipts(&given, &receipts);
    let changing = async {
        eventually("the other is applied", LEASE, async || {
            given.row(free).await.starts_with("delivered").then_some(())
        })
        .await;
        somebody.batch_execute("COMMIT").await.unwrap();
    };
    let (applied, ()) = tokio::join!(applying, changing);
    assert!(applied.unwrap().unknown.is_empty());
    assert!(given.row(held).await.starts_with("delivered"));
    let told = "SELECT count(*) FROM notification_events WHERE event = 'receipt'";
    assert_eq!(given.database.number(told).await, 2);
}
