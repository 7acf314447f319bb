//! Receipts: early, late, doubled, reversed, unknown.

use carillon_core::id::NotificationId;
use carillon_core::receipt::ReceiptKind;
use carillon_store::notification::apply_receipts;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::given::{given, receipt};

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
    carillon_store::notification::rescue_lost(&given, 10)
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
