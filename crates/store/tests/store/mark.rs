//! Marks: what came of deliveries.

use std::time::Duration;

use carillon_core::notification::Status;
use carillon_core::reason::Reason;
use carillon_core::receipt::ReceiptKind;
use carillon_core::timeline::TimelineEvent;
use carillon_store::notification::{self, Marking, mark};
use uuid::Uuid;

use crate::given::{accepted, emails, given, ids, receipt};

#[tokio::test]
async fn the_holder_of_the_lease_moves_the_status_and_frees_the_row() {
    let given = given().await;
    let id = given.on_its_way().await;
    let token = given.claimed(id).await;
    assert_eq!(given.row(id).await, "created attempts=1 on-its-way leased");
    assert_eq!(
        mark(&given, &[accepted(id, token)], "worker")
            .await
            .unwrap()
            .n_late,
        0
    );
    assert_eq!(
        given.row(id).await,
        "sending attempts=1 reference=reference-of-mark"
    );
    assert_eq!(given.timeline(id).await, ["accepted", "attempted"]);
}

#[tokio::test]
async fn a_stale_token_changes_no_status_and_leaves_a_late_entry() {
    let given = given().await;
    let id = given.on_its_way().await;
    given.claimed(id).await;
    assert_eq!(
        mark(&given, &[accepted(id, Uuid::new_v4())], "worker")
            .await
            .unwrap()
            .n_late,
        1
    );
    assert_eq!(given.row(id).await, "created attempts=1 on-its-way leased");
    assert_eq!(
        given.timeline(id).await,
        ["accepted", "attempted-late stale-result"]
    );
    let entries = notification::timeline(&given, id).await.unwrap();
    assert_eq!(
        entries[1].detail.as_ref().unwrap()["reference"],
        "reference-of-mark"
    );
}

#[tokio::test]
async fn a_mark_repeated_after_a_lost_answer_adds_at_most_a_late_entry() {
    let given = given().await;
    let id = given.on_its_way().await;
    let token = given.claimed(id).await;
    let batch = [accepted(id, token)];
    mark(&given, &batch, "worker").await.unwrap();
    assert_eq!(mark(&given, &batch, "worker").await.unwrap().n_late, 1);
    assert_eq!(
        given.row(id).await,
        "sending attempts=1 reference=reference-of-mark"
    );
    assert_eq!(
        given.timeline(id).await,
        ["accepted", "attempted", "attempted-late stale-result"]
    );
}

#[tokio::test]
async fn a_receipt_before_the_mark_wins() {
    let given = given().await;
    let id = given.on_its_way().await;
    let token = given.claimed(id).await;
    let early = [receipt(id, ReceiptKind::Delivered, "e1")];
    assert!(
        notification::apply_receipts(&given, &early)
            .await
            .unwrap()
            .unknown
            .is_empty()
    );
    assert_eq!(
        given.row(id).await,
        "delivered attempts=1 on-its-way leased completed reference=reference-of-receipt"
    );
    assert_eq!(
        mark(&given, &[accepted(id, token)], "worker")
            .await
            .unwrap()
            .n_late,
        0
    );
    assert_eq!(
        given.row(id).await,
        "delivered attempts=1 completed reference=reference-of-mark"
    );
    assert_eq!(
        given.timeline(id).await,
        ["accepted", "receipt receipt-delivered", "attempted"]
    );
}

#[tokio::test]
async fn a_failure_for_a_while_makes_it_wait_and_throttling_is_no_attempt() {
    let given = given().await;
    let id = given.on_its_way().await;
    let token = given.claimed(id).await;
    let waits = |reason, counted| Marking {
        status: Status::Created,
        reason: Some(reason),
        retry_after: Some(Duration::from_secs(10)),
        reference: None,
        counted,
        ..accepted(id, token)
    };
    mark(&given, &[waits(Reason::ProviderFailure, true)], "worker")
        .await
        .unwrap();
    assert_eq!(
        given.row(id).await,
        "created attempts=1 waits=provider-failure"
    );

    let id = given.on_its_way().await;
    let token = given.claimed(id).await;
    let throttled = Marking {
        id,
        token,
        ..waits(Reason::ProviderRate, false)
    };
    mark(&given, &[throttled], "worker").await.unwrap();
    assert_eq!(
        given.row(id).await,
        "created attempts=0 waits=provider-rate"
    );
}

#[tokio::test]
async fn giving_up_is_final() {
    let given = given().await;
    let id = given.on_its_way().await;
    let token = given.claimed(id).await;
    let failed = Marking {
        status: Status::TechnicalFailure,
        event: TimelineEvent::Failed,
        reason: Some(Reason::ProviderRejected),
        reference: None,
        ..accepted(id, token)
    };
    mark(&given, &[failed], "worker").await.unwrap();
    assert_eq!(
        given.row(id).await,
        "technical-failure attempts=1 completed"
    );
    assert_eq!(
        given.timeline(id).await,
        ["accepted", "failed provider-rejected"]
    );
}

#[tokio::test]
async fn a_batch_may_mix_current_and_stale_results_of_several_days() {
    let given = given().await;
    let mut batch = emails(6);
    batch[0].id = crate::given::id_of_day(-20);
    batch[5].id = crate::given::id_of_day(20);
    given.save(&batch).await;
    let mut markings = Vec::new();
    for (i, id) in ids(&batch).into_iter().enumerate() {
        let token = given.claimed(id).await;
        markings.push(accepted(
            id,
            if i % 2 == 0 { token } else { Uuid::new_v4() },
        ));
    }
    assert_eq!(mark(&given, &markings, "worker").await.unwrap().n_late, 3);
    for (i, marking) in markings.iter().enumerate() {
        let last = given.timeline(marking.id).await.pop().unwrap();
        assert_eq!(
            last,
            if i % 2 == 0 {
                "attempted"
            } else {
                "attempted-late stale-result"
            }
        );
    }
}

#[tokio::test]
async fn a_result_of_a_notification_that_is_gone_harms_no_other() {
    let given = given().await;
    let id = given.on_its_way().await;
    let token = given.claimed(id).await;
    let gone = accepted(carillon_core::id::NotificationId::mint(), Uuid::new_v4());
    mark(&given, &[gone, accepted(id, token)], "worker")
        .await
        .unwrap();
    assert_eq!(
        given.row(id).await,
        "sending attempts=1 reference=reference-of-mark"
    );
}
