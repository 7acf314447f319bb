//! Claims: exclusive, and only of what can start.

use std::collections::HashMap;

use carillon_core::id::NotificationId;
use carillon_core::reason::Reason;
use carillon_core::receipt::ReceiptKind;
use carillon_store::notification::{self, claim};
use futures::future::try_join_all;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use uuid::Uuid;

use crate::given::{LEASE, email, emails, given, ids, receipt};

#[tokio::test(flavor = "multi_thread")]
async fn however_claims_overlap_every_id_is_claimed_once() {
    let given = given().await;
    let mut runner = TestRunner::deterministic();
    for _ in 0..12 {
        let batch = emails(60);
        given.save(&batch).await;
        let ids = ids(&batch);
        // Five workers are handed overlapping ids, each in an order of its own.
        let hands = prop::collection::vec(
            prop::sample::subsequence(ids.clone(), 1..=ids.len()).prop_shuffle(),
            5,
        );
        let hands = hands.new_tree(&mut runner).unwrap().current();
        let claims = hands
            .iter()
            .map(|hand| claim(&given, hand, Uuid::new_v4(), LEASE));
        let claims = try_join_all(claims).await.unwrap();

        let mut times: HashMap<NotificationId, i32> = HashMap::new();
        for claimed in claims.iter().flatten() {
            *times.entry(claimed.id).or_default() += 1;
            assert_eq!(claimed.attempts, 1);
        }
        for id in ids {
            let wanted = i32::from(hands.iter().flatten().any(|handed| *handed == id));
            assert_eq!(times.get(&id).copied().unwrap_or(0), wanted);
        }
    }
}

#[tokio::test]
async fn what_waits_is_leased_or_final_is_not_claimed() {
    let given = given().await;
    let waiting = email();
    notification::save(
        &given,
        std::slice::from_ref(&waiting),
        Some(Reason::BrokerAway),
    )
    .await
    .unwrap();
    let leased = given.on_its_way().await;
    given.claimed(leased).await;
    let sending = given.sending().await;
    let delivered = given.sending().await;
    let proof = [receipt(delivered, ReceiptKind::Delivered, "e1")];
    notification::apply_receipts(&given, &proof).await.unwrap();
    let unknown = NotificationId::mint();
    let free = given.on_its_way().await;

    let handed = [waiting.id, leased, sending, delivered, unknown, free];
    let claimed = claim(&given, &handed, Uuid::new_v4(), LEASE).await.unwrap();
    assert_eq!(claimed.iter().map(|c| c.id).collect::<Vec<_>>(), [free]);
}

#[tokio::test]
async fn no_ids_claim_nothing() {
    let given = given().await;
    assert!(
        claim(&given, &[], Uuid::new_v4(), LEASE)
            .await
            .unwrap()
            .is_empty()
    );
}
