//! Parked receipts: brought back until they are applied, and set aside after an hour.

use std::time::Duration;

use carillon_core::queue::Queue;
use carillon_core::receipt::{Receipt, ReceiptKind};
use carillon_store::notification::apply_receipts;
use carillon_store::parked_receipt::{PATIENCE, give_up, park, take_due};

use crate::given::{Given, email, given, receipt};

const SECOND: Duration = Duration::from_secs(1);

async fn n_parked(given: &Given) -> i64 {
    given
        .database
        .number("SELECT count(*) FROM parked_receipts")
        .await
}

async fn back(given: &Given) -> Vec<Receipt> {
    let due = take_due(given, 100).await.expect("PostgreSQL answers");
    let read = |receipt| serde_json::from_value(receipt).expect("it is a receipt");
    due.into_iter().map(|due| read(due.receipt)).collect()
}

#[tokio::test]
async fn a_receipt_comes_back_with_growing_waits_until_it_is_applied() {
    let given = given().await;
    let message = email();
    let early = receipt(message.id, ReceiptKind::Delivered, "e1");
    assert_eq!(
        park(&given, Queue::SesCallbacks, &[&early]).await.unwrap(),
        1
    );
    assert_eq!(
        park(&given, Queue::SesCallbacks, &[&early]).await.unwrap(),
        0
    );
    assert!(back(&given).await.is_empty());
    for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
        given.database.advance_clock(SECOND * (wait - 1)).await;
        assert!(back(&given).await.is_empty(), "before {wait} s");
        given.database.advance_clock(SECOND).await;
        let came_back = back(&given).await;
        assert_eq!(
            came_back.as_slice(),
            std::slice::from_ref(&early),
            "after {wait} s"
        );
    }
    // Taken, and in nobody's hands: it is still there.
    assert_eq!(n_parked(&given).await, 1);

    let id = message.id;
    given.save(&[message]).await;
    let receipts = [early];
    assert!(
        apply_receipts(&given, &receipts)
            .await
            .unwrap()
            .unknown
            .is_empty()
    );
    assert_eq!(n_parked(&given).await, 0);
    assert_eq!(
        given.timeline(id).await,
        ["accepted", "receipt receipt-delivered"]
    );
}

#[tokio::test]
async fn one_that_was_applied_by_another_way_is_parked_no_more() {
    let given = given().await;
    let id = given.sending().await;
    let known = receipt(id, ReceiptKind::Delivered, "e1");
    let receipts = [known];
    apply_receipts(&given, &receipts).await.unwrap();
    park(&given, Queue::SesCallbacks, &[&receipts[0]])
        .await
        .unwrap();
    apply_receipts(&given, &receipts).await.unwrap();
    assert_eq!(n_parked(&given).await, 0);
    assert_eq!(given.timeline(id).await.len(), 3);
}

#[tokio::test]
async fn applying_one_leaves_the_others_parked() {
    let given = given().await;
    let (here, missing) = (email(), email());
    let parked = [&here, &missing]
        .map(|message| receipt(message.id, ReceiptKind::Delivered, &message.id.to_string()));
    park(&given, Queue::SesCallbacks, &[&parked[0], &parked[1]])
        .await
        .unwrap();
    given.save(&[here]).await;
    let unknown = apply_receipts(&given, &parked).await.unwrap().unknown;
    assert_eq!(unknown, [&parked[1]]);
    given.database.advance_clock(SECOND).await;
    assert_eq!(back(&given).await, parked[1..]);
}

#[tokio::test]
async fn after_an_hour_it_is_set_aside_whole_with_its_reason() {
    let given = given().await;
    let lost = receipt(email().id, ReceiptKind::Delivered, "e1");
    park(&given, Queue::SmsCallbacks, &[&lost]).await.unwrap();
    given.database.advance_clock(PATIENCE - SECOND).await;
    assert_eq!(give_up(&given, 10).await.unwrap(), 0);
    given.database.advance_clock(SECOND).await;
    assert_eq!(give_up(&given, 10).await.unwrap(), 1);
    assert_eq!(give_up(&given, 10).await.unwrap(), 0);
    assert_eq!(n_parked(&given).await, 0);

    let query = "SELECT queue, task, reason, payload FROM quarantine";
    let row = given
        .database
        .client()
        .await
        .query_one(query, &[])
        .await
        .unwrap();
    let words: [String; 3] = [row.get(0), row.get(1), row.get(2)];
    assert_eq!(
        words,
        ["sms-callbacks", "apply-receipts", "unknown-notification"]
    );
    let kept: Receipt = serde_json::from_slice(row.get(3)).unwrap();
    assert_eq!(kept, lost);
}
