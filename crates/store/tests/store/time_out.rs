//! Time-outs: what has been open for days is ended, and nothing else.

use std::time::Duration;

use carillon_core::id::NotificationId;
use carillon_core::notification::Status;
use carillon_core::receipt::ReceiptKind;
use carillon_core::task::SaveNotification;
use carillon_store::health;
use carillon_store::notification::{Marking, apply_receipts, mark, time_out};

use crate::given::{Given, LEASE, accepted, email, given, receipt};

const HOUR: Duration = Duration::from_secs(3_600);
const GIVE_UP_AFTER: Duration = Duration::from_secs(72 * 3_600);

/// A round over everything in pages of `limit`; how many were ended, and how many are to be told.
async fn round(given: &Given, limit: i64) -> (i64, i64) {
    let cutoff = health::now(given).await.expect("PostgreSQL answers") - GIVE_UP_AFTER;
    let (mut after, before) = (
        NotificationId::lower_bound(cutoff - Duration::from_secs(5 * 86_400)),
        NotificationId::lower_bound(cutoff),
    );
    let (mut n_ended, mut n_to_tell) = (0, 0);
    while let Some(page) = time_out(given, (after, before), cutoff, limit)
        .await
        .expect("PostgreSQL answers")
    {
        after = page.last;
        n_ended += page.n_ended;
        n_to_tell += page.n_callback_events;
    }
    (n_ended, n_to_tell)
}

async fn sent(given: &Given) -> NotificationId {
    let id = given.on_its_way().await;
    let token = given.claimed(id).await;
    let sent = Marking {
        status: Status::Sent,
        ..accepted(id, token)
    };
    mark(given, &[sent], "worker")
        .await
        .expect("PostgreSQL answers");
    id
}

async fn received(given: &Given, kind: ReceiptKind) -> NotificationId {
    let id = given.sending().await;
    apply_receipts(given, &[receipt(id, kind, "e")])
        .await
        .expect("PostgreSQL answers");
    id
}

#[tokio::test]
async fn what_is_open_after_three_days_is_ended_by_what_is_known_of_it() {
    let given = given().await;
    given.register(&["delivery-status"]).await;
    let never_sent = given.on_its_way().await;
    let sending = given.sending().await;
    let pending = received(&given, ReceiptKind::Delayed).await;
    let sent = sent(&given).await;
    let closed = [
        received(&given, ReceiptKind::Delivered).await,
        received(&given, ReceiptKind::TemporaryFailure).await,
        received(&given, ReceiptKind::PermanentFailure).await,
    ];
    let mut before = Vec::new();
    for id in closed {
        before.push(given.row(id).await);
    }
    given.database.advance_clock(GIVE_UP_AFTER - HOUR).await;
    assert_eq!(round(&given, 100).await, (0, 0));
    given.database.advance_clock(HOUR).await;
    assert_eq!(round(&given, 2).await, (4, 4));
    assert_eq!(round(&given, 2).await, (0, 0));

    assert_eq!(
        given.row(never_sent).await,
        "technical-failure attempts=0 completed"
    );
    assert_eq!(
        given.timeline(never_sent).await,
        ["accepted", "failed never-sent"]
    );
    assert_eq!(
        given.to_tell(never_sent).await,
        ["delivery-status technical-failure"]
    );
    for id in [sending, pending, sent] {
        let row = given.row(id).await;
        assert!(
            row.starts_with("temporary-failure attempts=1 completed"),
            "{row}"
        );
        assert_eq!(given.timeline(id).await.pop().unwrap(), "failed no-receipt");
        let told = given.to_tell(id).await.pop().unwrap();
        assert_eq!(told, "delivery-status temporary-failure");
    }
    for (id, before) in closed.into_iter().zip(before) {
        assert_eq!(given.row(id).await, before);
    }
    // Heard of after all.
    apply_receipts(&given, &[receipt(sending, ReceiptKind::Delivered, "late")])
        .await
        .unwrap();
    assert!(given.row(sending).await.starts_with("delivered"));
}

#[tokio::test]
async fn the_time_of_a_scheduled_message_begins_when_it_was_to_be_sent() {
    let given = given().await;
    let ahead = chrono::Duration::hours(96);
    let message = SaveNotification {
        scheduled_for: Some(carillon_core::clock::now() + ahead),
        ..email()
    };
    let id = message.id;
    given.save(&[message]).await;
    given.database.advance_clock(GIVE_UP_AFTER + HOUR).await;
    assert_eq!(round(&given, 100).await, (0, 0));
    assert_eq!(given.row(id).await, "created attempts=0 waits=scheduled");
    given.database.advance_clock(HOUR * 94).await;
    assert_eq!(round(&given, 100).await, (0, 0));
    given.database.advance_clock(HOUR * 2).await;
    assert_eq!(round(&given, 100).await, (1, 0));
    assert_eq!(
        given.row(id).await,
        "technical-failure attempts=0 completed"
    );
}

#[tokio::test]
async fn a_message_in_a_worker_s_hands_is_left_to_it() {
    let given = given().await;
    let id = given.on_its_way().await;
    given.database.advance_clock(GIVE_UP_AFTER + HOUR).await;
    let token = given.claimed(id).await;
    assert_eq!(round(&given, 100).await, (0, 0));
    mark(&given, &[accepted(id, token)], "worker")
        .await
        .unwrap();
    assert_eq!(round(&given, 100).await, (1, 0));
    assert!(given.row(id).await.starts_with("temporary-failure"));

    let vanished = given.on_its_way().await;
    given.claimed(vanished).await;
    given.database.advance_clock(LEASE * 2).await;
    assert_eq!(round(&given, 100).await, (0, 0));
}
