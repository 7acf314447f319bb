//! Receipts that name the provider's reference only.

use std::time::Duration;

use carillon_core::id::NotificationId;
use carillon_core::provider::ProviderKind;
use carillon_core::receipt::{Receipt, ReceiptKind};
use carillon_store::notification::{Marking, apply_receipts, mark};
use carillon_store::provider_reference;
use uuid::Uuid;

use crate::given::{Given, accepted, given, receipt};

fn by_reference(reference: &str) -> Receipt {
    Receipt {
        notification_id: None,
        provider: "sns".to_owned(),
        reference: reference.to_owned(),
        ..receipt(NotificationId::mint(), ReceiptKind::Delivered, reference)
    }
}

fn sent_by_sns(id: NotificationId, token: Uuid, reference: &str) -> Marking {
    Marking {
        provider: Some("texts-of-the-north".to_owned()),
        reference: Some(reference.to_owned()),
        referenced_by: Some(ProviderKind::Sns),
        ..accepted(id, token)
    }
}

async fn sent(given: &Given, reference: &str) -> NotificationId {
    let id = given.on_its_way().await;
    let token = given.claimed(id).await;
    let marking = sent_by_sns(id, token, reference);
    mark(given, &[marking], "worker")
        .await
        .expect("PostgreSQL answers");
    id
}

#[tokio::test]
async fn a_receipt_finds_its_message_by_the_reference_that_the_mark_kept() {
    let given = given().await;
    let id = sent(&given, "r1").await;
    let batch = [by_reference("r1"), by_reference("unheard-of")];
    let applied = apply_receipts(&given, &batch).await.unwrap();
    assert_eq!(applied.unknown, [&batch[1]]);
    assert!(given.row(id).await.starts_with("delivered"));
    let other_kind = [Receipt {
        provider: "ses".to_owned(),
        ..by_reference("r1")
    }];
    let applied = apply_receipts(&given, &other_kind).await.unwrap();
    assert_eq!(applied.unknown.len(), 1);
}

#[tokio::test]
async fn a_receipt_before_the_mark_names_nothing_and_after_it_its_message() {
    let given = given().await;
    let early = [by_reference("r1")];
    assert_eq!(
        apply_receipts(&given, &early).await.unwrap().unknown.len(),
        1
    );
    let id = sent(&given, "r1").await;
    assert!(
        apply_receipts(&given, &early)
            .await
            .unwrap()
            .unknown
            .is_empty()
    );
    assert!(given.row(id).await.starts_with("delivered"));
}

#[tokio::test]
async fn the_reference_of_a_result_that_came_too_late_is_kept_too() {
    let given = given().await;
    let id = given.on_its_way().await;
    given.claimed(id).await;
    let stale = sent_by_sns(id, Uuid::new_v4(), "r1");
    assert_eq!(mark(&given, &[stale], "worker").await.unwrap().n_late, 1);
    let receipts = [by_reference("r1")];
    assert!(
        apply_receipts(&given, &receipts)
            .await
            .unwrap()
            .unknown
            .is_empty()
    );
    assert!(given.row(id).await.starts_with("delivered"));
}

#[tokio::test]
async fn receipts_by_id_and_by_reference_of_one_message_join() {
    let given = given().await;
    let id = sent(&given, "r1").await;
    let batch = [
        by_reference("r1"),
        receipt(id, ReceiptKind::Delivered, "by-id"),
        receipt(id, ReceiptKind::Delivered, "r1"),
    ];
    assert!(
        apply_receipts(&given, &batch)
            .await
            .unwrap()
            .unknown
            .is_empty()
    );
    assert_eq!(given.timeline(id).await.len(), 4);
}

#[tokio::test]
async fn references_are_forgotten_after_four_days() {
    let given = given().await;
    for n in 0..3 {
        sent(&given, &format!("r{n}")).await;
    }
    let days = |n: u64| Duration::from_secs(n * 86_400);
    given.database.advance_clock(days(3)).await;
    assert_eq!(provider_reference::forget_old(&given, 10).await.unwrap(), 0);
    given.database.advance_clock(days(2)).await;
    assert_eq!(provider_reference::forget_old(&given, 2).await.unwrap(), 2);
    assert_eq!(provider_reference::forget_old(&given, 2).await.unwrap(), 1);
}
