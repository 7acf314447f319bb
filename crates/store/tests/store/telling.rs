//! What services are told of: each change that completes a message, and each complaint, if they
//! registered for it; in the statement that makes the change.

use carillon_core::notification::Status;
use carillon_core::reason::Reason;
use carillon_core::receipt::{Receipt, ReceiptKind};
use carillon_core::timeline::TimelineEvent;
use carillon_store::notification::{Marking, apply_receipts, mark};

use crate::given::{Given, accepted, given, receipt};

const BOTH: [&str; 2] = ["delivery-status", "complaint"];

async fn apply(given: &Given, receipts: &[Receipt]) -> usize {
    apply_receipts(given, receipts)
        .await
        .expect("PostgreSQL answers")
        .n_callback_events
}

#[tokio::test]
async fn a_receipt_that_completes_a_message_is_told_once_and_one_that_changes_nothing_is_not() {
    let given = given().await;
    given.register(&BOTH).await;
    let id = given.sending().await;
    let delayed = [receipt(id, ReceiptKind::Delayed, "e1")];
    assert_eq!(apply(&given, &delayed).await, 0);
    let delivered = [Receipt {
        detail: Some("250 ok".to_owned()),
        ..receipt(id, ReceiptKind::Delivered, "e2")
    }];
    assert_eq!(apply(&given, &delivered).await, 1);
    assert_eq!(apply(&given, &delivered).await, 0);
    let later = [receipt(id, ReceiptKind::TemporaryFailure, "e3")];
    assert_eq!(apply(&given, &later).await, 0);
    assert_eq!(
        given.to_tell(id).await,
        ["delivery-status delivered 250 ok"]
    );

    let bounce = [Receipt {
        subtype: Some("no-email".to_owned()),
        ..receipt(id, ReceiptKind::PermanentFailure, "e4")
    }];
    assert_eq!(apply(&given, &bounce).await, 1);
    assert_eq!(
        given.to_tell(id).await,
        [
            "delivery-status delivered 250 ok",
            "delivery-status permanent-failure no-email"
        ]
    );
}

#[tokio::test]
async fn a_complaint_is_told_as_such_and_as_the_delivery_that_it_proves() {
    let given = given().await;
    given.register(&BOTH).await;
    let id = given.sending().await;
    let complaint = |event| Receipt {
        subtype: Some("abuse".to_owned()),
        ..receipt(id, ReceiptKind::Complaint, event)
    };
    assert_eq!(apply(&given, &[complaint("e1")]).await, 2);
    let told = [
        "complaint delivered abuse",
        "delivery-status delivered abuse",
    ];
    assert_eq!(given.to_tell(id).await, told);
    assert_eq!(apply(&given, &[complaint("e2")]).await, 1);
    assert_eq!(given.to_tell(id).await.len(), 3);
}

#[tokio::test]
async fn nothing_is_written_for_a_service_that_did_not_register_or_is_switched_off() {
    let given = given().await;
    let id = given.sending().await;
    assert_eq!(
        apply(&given, &[receipt(id, ReceiptKind::Complaint, "e1")]).await,
        0
    );
    given.register(&BOTH).await;
    let off = "UPDATE service_callbacks SET active = false, disabled_reason = 'switched-off'";
    given.database.execute(off).await;
    let id = given.sending().await;
    assert_eq!(
        apply(&given, &[receipt(id, ReceiptKind::Complaint, "e2")]).await,
        0
    );
    let n = given
        .database
        .number("SELECT count(*) FROM callback_events")
        .await;
    assert_eq!(n, 0);
}

#[tokio::test]
async fn a_result_is_told_when_it_completes_the_message() {
    let given = given().await;
    given.register(&BOTH).await;
    for (status, told) in [
        (Status::Sent, Some("delivery-status sent")),
        (
            Status::TechnicalFailure,
            Some("delivery-status technical-failure"),
        ),
        (
            Status::PermanentFailure,
            Some("delivery-status permanent-failure"),
        ),
        (Status::Sending, None),
    ] {
        let id = given.on_its_way().await;
        let token = given.claimed(id).await;
        let result = Marking {
            status,
            ..accepted(id, token)
        };
        let marks = mark(&given, &[result], "worker").await.unwrap();
        assert_eq!(marks.n_callback_events, usize::from(told.is_some()));
        assert_eq!(
            given.to_tell(id).await,
            told.into_iter().collect::<Vec<_>>()
        );
    }
}

#[tokio::test]
async fn a_suppressed_message_is_completed_without_an_attempt() {
    let given = given().await;
    let id = given.on_its_way().await;
    let token = given.claimed(id).await;
    let suppressed = Marking {
        status: Status::PermanentFailure,
        provider: None,
        reference: None,
        event: TimelineEvent::Failed,
        reason: Some(Reason::SuppressedHardBounce),
        counted: false,
        ..accepted(id, token)
    };
    mark(&given, &[suppressed], "worker").await.unwrap();
    assert_eq!(
        given.row(id).await,
        "permanent-failure attempts=0 completed"
    );
    assert_eq!(
        given.timeline(id).await,
        ["accepted", "failed suppressed-hard-bounce"]
    );
}

#[tokio::test]
async fn a_result_that_a_receipt_has_overtaken_is_not_told_again() {
    let given = given().await;
    given.register(&BOTH).await;
    let id = given.on_its_way().await;
    let token = given.claimed(id).await;
    assert_eq!(
        apply(&given, &[receipt(id, ReceiptKind::Delivered, "e1")]).await,
        1
    );
    let sent = Marking {
        status: Status::Sent,
        ..accepted(id, token)
    };
    let marks = mark(&given, &[sent], "worker").await.unwrap();
    assert_eq!(marks.n_callback_events, 0);
    assert_eq!(given.to_tell(id).await, ["delivery-status delivered"]);
}
