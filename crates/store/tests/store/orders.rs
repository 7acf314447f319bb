//! Receipts in every order: early, late, doubled, reversed, unknown, and through several workers at
//! once. The end is always the same.

use std::time::Duration;

use carillon_core::id::NotificationId;
use carillon_core::notification::{Event, Status};
use carillon_core::provider::ProviderKind;
use carillon_core::queue::Queue;
use carillon_core::receipt::{Receipt, ReceiptKind};
use carillon_store::notification::{Marking, apply_receipts, claim, mark};
use carillon_store::parked_receipt;
use futures::future::try_join_all;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use uuid::Uuid;

use crate::given::{Given, LEASE, accepted, email, given, receipt};

/// When a receipt comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    BeforeTheRow,
    BeforeTheMark,
    AfterTheMark,
}

#[derive(Debug, Clone)]
struct Coming {
    kind: ReceiptKind,
    names_our_id: bool,
    /// Each time it comes; a repeat has the same event id.
    moments: Vec<Moment>,
}

fn any_coming() -> impl Strategy<Value = Coming> {
    let moments = [
        Moment::BeforeTheRow,
        Moment::BeforeTheMark,
        Moment::AfterTheMark,
    ];
    (
        prop::sample::select(ReceiptKind::ALL),
        any::<bool>(),
        prop::collection::vec(prop::sample::select(moments.to_vec()), 1..4),
    )
        .prop_map(|(kind, names_our_id, moments)| Coming {
            kind,
            names_our_id,
            moments,
        })
}

/// What a worker does with receipts: what names nothing is parked.
async fn take(given: &Given, receipts: &[Receipt]) {
    let unknown = apply_receipts(given, receipts)
        .await
        .expect("PostgreSQL answers")
        .unknown;
    parked_receipt::park(given, Queue::SesCallbacks, &unknown)
        .await
        .expect("PostgreSQL answers");
}

/// What the poller does, a minute later; and the worker with what it brought back.
async fn bring_back(given: &Given) {
    given.database.advance_clock(Duration::from_secs(60)).await;
    let due = parked_receipt::take_due(given, 100)
        .await
        .expect("PostgreSQL answers");
    let read =
        |due: parked_receipt::Due| serde_json::from_value(due.receipt).expect("it is a receipt");
    let receipts: Vec<Receipt> = due.into_iter().map(read).collect();
    take(given, &receipts).await;
}

#[tokio::test]
async fn whatever_the_order_the_status_is_the_highest_and_each_event_is_told_once() {
    let given = given().await;
    let mut runner = TestRunner::deterministic();
    let plans = prop::collection::vec(any_coming(), 1..6);
    for _ in 0..40 {
        let plan = plans.new_tree(&mut runner).unwrap().current();
        let message = email();
        let id = message.id;
        let reference = format!("r-{id}");
        let coming = |moment: Moment| -> Vec<Receipt> {
            let receipt = |(i, coming): (usize, &Coming)| {
                let times = coming.moments.iter().filter(|m| **m == moment).count();
                let receipt = Receipt {
                    notification_id: coming.names_our_id.then_some(id),
                    provider: "sns".to_owned(),
                    reference: reference.clone(),
                    ..receipt(id, coming.kind, &format!("{id}-{i}"))
                };
                std::iter::repeat_n(receipt, times)
            };
            plan.iter().enumerate().flat_map(receipt).collect()
        };
        let unknown = receipt(NotificationId::mint(), ReceiptKind::Delivered, "unknown");

        take(&given, &coming(Moment::BeforeTheRow)).await;
        given.save(&[message]).await;
        let mut before_the_mark = coming(Moment::BeforeTheMark);
        before_the_mark.reverse();
        before_the_mark.push(unknown);
        take(&given, &before_the_mark).await;
        // Receipts of an earlier attempt may have taken it out of the flow; then its answer is late.
        let token = Uuid::new_v4();
        let claimed = claim(&given, &[id], token, LEASE).await.unwrap();
        let marking = Marking {
            reference: Some(reference.clone()),
            referenced_by: Some(ProviderKind::Sns),
            ..accepted(id, token)
        };
        let marks = mark(&given, &[marking], "worker").await.unwrap();
        assert_eq!(marks.n_late, 1 - claimed.len());
        for one in coming(Moment::AfterTheMark) {
            take(&given, &[one]).await;
        }
        bring_back(&given).await;

        let heard = plan.iter().map(|coming| Event::of_receipt(coming.kind));
        let expected = heard.fold(Status::Sending, |status, event| {
            status.on(event).unwrap_or(status)
        });
        let row = given.row(id).await;
        assert!(row.starts_with(&format!("{expected} ")), "{row}: {plan:?}");
        let timeline = given.timeline(id).await;
        assert_eq!(timeline.len(), 2 + plan.len(), "{timeline:?}: {plan:?}");
        let parked = format!(
            "SELECT count(*) FROM parked_receipts WHERE receipt ->> 'reference' = '{reference}'"
        );
        assert_eq!(given.database.number(&parked).await, 0, "{plan:?}");
    }
    let unknown = given
        .database
        .number("SELECT count(*) FROM parked_receipts")
        .await;
    assert_eq!(unknown, 1, "the unknown one waits on");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_receipts_through_many_workers_at_once_are_each_written_once() {
    let given = given().await;
    given.register(&["delivery-status", "complaint"]).await;
    for round in 0..5 {
        let mut ids = Vec::new();
        for _ in 0..20 {
            ids.push(given.sending().await);
        }
        let batch: Vec<Receipt> = ids
            .iter()
            .flat_map(|id| {
                let of = |kind, n| receipt(*id, kind, &format!("{round}-{n}"));
                [of(ReceiptKind::Delivered, 1), of(ReceiptKind::Complaint, 2)]
            })
            .collect();
        let reversed: Vec<Receipt> = batch.iter().rev().cloned().collect();
        let workers = (0..6).map(|n| {
            let batch = if n % 2 == 0 { &batch } else { &reversed };
            apply_receipts(&given, batch)
        });
        let applied = try_join_all(workers).await.unwrap();
        let n_events: usize = applied
            .iter()
            .map(|applied| applied.n_callback_events)
            .sum();
        // Delivered once, by whichever receipt came first, and complained of once.
        assert_eq!(n_events, 2 * ids.len());
        for id in ids {
            assert_eq!(given.timeline(id).await.len(), 4);
            assert_eq!(given.to_tell(id).await.len(), 2);
        }
    }
}
