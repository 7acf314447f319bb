//! Each scripted recipient does what its name says.

use std::time::Duration;

use carillon_core::attempt::Outcome;
use carillon_core::channel::Channel;
use carillon_core::id::NotificationId;
use carillon_core::receipt::ReceiptKind;
use tokio::time::Instant;

use super::stage::Stage;

#[actix_web::test]
async fn accepted_messages_get_the_receipts_of_their_script() {
    use ReceiptKind::{Complaint, Delivered, PermanentFailure, TemporaryFailure};
    let mut stage = Stage::new();
    for (recipient, channel, kinds) in [
        ("amala@example.com", Channel::Email, &[Delivered][..]),
        ("+447700900001", Channel::Sms, &[Delivered]),
        (
            "perm-fail@simulator.notify",
            Channel::Email,
            &[PermanentFailure],
        ),
        (
            "temp-fail@simulator.notify",
            Channel::Email,
            &[TemporaryFailure],
        ),
        (
            "complaint@simulator.notify",
            Channel::Email,
            &[Delivered, Complaint],
        ),
        ("+447700900002", Channel::Sms, &[PermanentFailure]),
        ("+447700900003", Channel::Sms, &[TemporaryFailure]),
    ] {
        let (id, reference) = stage.accept(recipient).await;
        for &kind in kinds {
            let (from_query, receipt) = stage.inbox.next().await;
            assert_eq!(from_query, channel, "{recipient}");
            assert_eq!(
                (receipt.notification_id, receipt.kind),
                (Some(id), kind),
                "{recipient}"
            );
            assert_eq!(receipt.event_id, format!("{reference}:{kind}"));
            assert_eq!(
                (receipt.reference, receipt.provider.as_str()),
                (reference.clone(), "sandbox")
            );
        }
    }
    stage
        .until(|stats| stats.receipts_pending == 0 && stats.receipts_sent == 8)
        .await;
    assert!(stage.inbox.is_empty());
}

#[actix_web::test]
async fn a_delayed_message_arrives_two_seconds_later() {
    let mut stage = Stage::new();
    stage.accept("delay@simulator.notify").await;
    assert_eq!(stage.inbox.next().await.1.kind, ReceiptKind::Delayed);
    let delayed = Instant::now();
    assert_eq!(stage.inbox.next().await.1.kind, ReceiptKind::Delivered);
    assert!(delayed.elapsed() > Duration::from_millis(1_900));
}

#[actix_web::test]
async fn some_scripts_refuse_each_message_twice() {
    let stage = Stage::new();
    for recipient in ["throttle@simulator.notify", "fail@simulator.notify"] {
        for _ in 0..2 {
            let id = NotificationId::mint();
            for _ in 0..2 {
                let outcome = stage.send(id, recipient).await;
                let is_expected = match outcome {
                    Outcome::Throttled { after } => {
                        recipient.starts_with("throttle") && after == Duration::from_millis(200)
                    }
                    Outcome::Failed { .. } => recipient.starts_with("fail"),
                    _ => false,
                };
                assert!(is_expected, "{recipient}: {outcome:?}");
            }
            let outcome = stage.send(id, recipient).await;
            assert!(
                matches!(outcome, Outcome::Accepted { .. }),
                "{recipient}: {outcome:?}"
            );
        }
    }
}

#[actix_web::test]
async fn a_rejected_recipient_is_rejected_for_good() {
    let stage = Stage::new();
    let outcome = stage
        .send(NotificationId::mint(), "reject@simulator.notify")
        .await;
    let detail = "status 400: rejected-recipient".to_owned();
    assert_eq!(outcome, Outcome::Rejected { detail });
    assert_eq!(stage.sandbox.stats().accepted, 0);
}

#[actix_web::test]
async fn a_reset_message_is_accepted_without_an_answer_the_first_time() {
    let mut stage = Stage::new();
    let id = NotificationId::mint();
    let first = stage.send(id, "reset@simulator.notify").await;
    assert!(matches!(first, Outcome::Ambiguous { .. }), "{first:?}");
    let (_, receipt) = stage.inbox.next().await;
    assert_eq!(
        (receipt.notification_id, receipt.kind),
        (Some(id), ReceiptKind::Delivered)
    );
    let second = stage.send(id, "reset@simulator.notify").await;
    assert!(matches!(second, Outcome::Accepted { .. }), "{second:?}");
    assert_ne!(stage.inbox.next().await.1.event_id, receipt.event_id);
    let stats = stage.sandbox.stats();
    assert_eq!(
        (stats.accepted, stats.distinct_ids, stats.duplicates),
        (2, 1, 1)
    );
}

#[actix_web::test]
async fn a_hanging_call_is_logged_and_never_answered() {
    let stage = Stage::new();
    let id = NotificationId::mint();
    let patience = Duration::from_millis(300);
    let outcome = stage
        .send_within(patience, id, "hang@simulator.notify")
        .await;
    assert!(matches!(outcome, Outcome::Ambiguous { .. }), "{outcome:?}");
    let calls = stage.get(&format!("/calls?id={id}")).await;
    assert_eq!(calls["calls"][0]["outcome"], "hung");
    assert_eq!(
        stage.get("/messages").await["messages"],
        serde_json::json!([])
    );
    assert_eq!(stage.sandbox.stats().accepted, 0);
}
