//! Suppression: who is put on a service's list, and who is then not sent to.

use carillon_core::api_key::KeyType;
use carillon_core::channel::Channel;
use carillon_core::provider::ProviderKind;
use carillon_core::receipt::{Receipt, ReceiptKind};
use carillon_core::suppression::SuppressionReason;
use carillon_core::task::SaveNotification;
use carillon_store::notification::{Marking, apply_receipts, claim, mark};
use uuid::Uuid;

use crate::given::{Given, LEASE, accepted, email, given, receipt};

async fn bounced(given: &Given, message: SaveNotification, receipt: Receipt) {
    given.save(&[message]).await;
    apply_receipts(given, &[receipt])
        .await
        .expect("PostgreSQL answers");
}

/// Why a claim says the message must not be sent.
async fn asked(given: &Given, message: SaveNotification) -> Option<SuppressionReason> {
    let id = message.id;
    given.save(&[message]).await;
    let claimed = claim(given, &[id], Uuid::new_v4(), LEASE)
        .await
        .expect("PostgreSQL answers");
    claimed[0].suppressed_for()
}

fn to(recipient: &str) -> SaveNotification {
    SaveNotification {
        recipient: recipient.to_owned(),
        normalised_recipient: recipient.to_owned(),
        ..email()
    }
}

fn text() -> SaveNotification {
    SaveNotification {
        channel: Channel::Sms,
        ..to("+447911123456")
    }
}

#[tokio::test]
async fn hard_bounces_complaints_and_opt_outs_go_on_the_list_and_the_rest_does_not() {
    let given = given().await;
    given.register(&[]).await;
    let cases = [
        (
            to("Gone@Example.org"),
            ReceiptKind::PermanentFailure,
            Some("no-email"),
        ),
        (to("cross@example.org"), ReceiptKind::Complaint, None),
        (
            to("full@example.org"),
            ReceiptKind::TemporaryFailure,
            Some("mailbox-full"),
        ),
        (to("late@example.org"), ReceiptKind::Delayed, None),
        (to("well@example.org"), ReceiptKind::Delivered, None),
        (
            to("content@example.org"),
            ReceiptKind::PermanentFailure,
            Some("rejected"),
        ),
        (
            to("enough@example.org"),
            ReceiptKind::PermanentFailure,
            Some("unsubscribed-recipient"),
        ),
        (text(), ReceiptKind::PermanentFailure, Some("opted-out")),
        (text(), ReceiptKind::PermanentFailure, None),
    ];
    for (i, (message, kind, subtype)) in cases.into_iter().enumerate() {
        let receipt = Receipt {
            subtype: subtype.map(ToOwned::to_owned),
            ..receipt(message.id, kind, &format!("e{i}"))
        };
        bounced(&given, message, receipt).await;
    }
    assert_eq!(
        given.list().await,
        [
            "email cross@example.org complaint",
            "email enough@example.org unsubscribed",
            "email gone@example.org hard-bounce",
            "sms +447911123456 unsubscribed",
        ]
    );
}

#[tokio::test]
async fn a_recipient_on_the_list_is_not_to_be_sent_to_by_this_service_however_it_is_written() {
    let given = given().await;
    given.register(&[]).await;
    let message = to("Ada@Example.org");
    let bounce = receipt(message.id, ReceiptKind::PermanentFailure, "e");
    bounced(&given, message, bounce).await;

    let suppressed = Some(SuppressionReason::HardBounce);
    assert_eq!(asked(&given, to("ada@example.ORG")).await, suppressed);
    assert_eq!(asked(&given, to("bob@example.org")).await, None);
    let of_another = SaveNotification {
        service_id: carillon_core::id::ServiceId(Uuid::from_u128(9)),
        ..to("ada@example.org")
    };
    assert_eq!(asked(&given, of_another).await, None);
    let as_text = SaveNotification {
        channel: Channel::Sms,
        ..to("ada@example.org")
    };
    assert_eq!(asked(&given, as_text).await, None);
    given.database.execute("DELETE FROM suppressions").await;
    assert_eq!(asked(&given, to("ada@example.org")).await, None);
}

#[tokio::test]
async fn the_simulator_s_recipients_and_a_test_key_s_messages_never_touch_the_list() {
    let given = given().await;
    given.register(&[]).await;
    let of_a_test_key = || SaveNotification {
        key_type: KeyType::Test,
        ..to("test@example.org")
    };
    let simulated = || to("Perm-Fail@simulator.notify");
    let number = || SaveNotification {
        normalised_recipient: "+447700900002".to_owned(),
        ..text()
    };
    for (i, message) in [simulated(), number(), of_a_test_key()]
        .into_iter()
        .enumerate()
    {
        let receipt = Receipt {
            subtype: Some("opted-out".to_owned()),
            ..receipt(message.id, ReceiptKind::PermanentFailure, &format!("e{i}"))
        };
        bounced(&given, message, receipt).await;
    }
    assert!(given.list().await.is_empty());

    // Put there by hand, they are still sent to.
    given
        .database
        .execute(
            "INSERT INTO suppressions (service_id, channel, recipient, reason)
             SELECT id, 'email', unnest(ARRAY['perm-fail@simulator.notify', 'test@example.org']), 'manual'
             FROM services",
        )
        .await;
    assert_eq!(asked(&given, simulated()).await, None);
    assert_eq!(asked(&given, of_a_test_key()).await, None);
    let same_with_a_live_key = to("test@example.org");
    assert_eq!(
        asked(&given, same_with_a_live_key).await,
        Some(SuppressionReason::Manual)
    );
}

#[tokio::test]
async fn many_bounces_of_one_address_are_one_entry() {
    let given = given().await;
    given.register(&[]).await;
    let messages = [
        to("ada@example.org"),
        to("ada@example.org"),
        to("ADA@example.org"),
    ];
    given.save(&messages).await;
    let receipts = messages.each_ref().map(|message| {
        receipt(
            message.id,
            ReceiptKind::PermanentFailure,
            &message.id.to_string(),
        )
    });
    apply_receipts(&given, &receipts).await.unwrap();
    apply_receipts(&given, &receipts).await.unwrap();
    assert_eq!(given.list().await, ["email ada@example.org hard-bounce"]);
}

#[tokio::test]
async fn a_bounce_that_names_only_the_provider_s_reference_suppresses_too() {
    let given = given().await;
    given.register(&[]).await;
    let message = to("gone@example.org");
    let id = message.id;
    given.save(&[message]).await;
    let marking = Marking {
        reference: Some("0102-ses".to_owned()),
        referenced_by: Some(ProviderKind::Ses),
        ..accepted(id, given.claimed(id).await)
    };
    mark(&given, &[marking], "worker").await.unwrap();
    let bounce = [Receipt {
        notification_id: None,
        provider: "ses".to_owned(),
        reference: "0102-ses".to_owned(),
        ..receipt(id, ReceiptKind::PermanentFailure, "0102-ses/bounce/f")
    }];
    let applied = apply_receipts(&given, &bounce).await.unwrap();
    assert!(applied.unknown.is_empty());
    assert!(given.row(id).await.starts_with("permanent-failure"));
    assert_eq!(given.list().await, ["email gone@example.org hard-bounce"]);
}

#[tokio::test]
async fn a_bounce_of_a_service_that_is_no_more_is_applied_all_the_same() {
    let given = given().await;
    let id = given.sending().await;
    let bounce = [receipt(id, ReceiptKind::PermanentFailure, "e")];
    apply_receipts(&given, &bounce).await.unwrap();
    assert!(given.row(id).await.starts_with("permanent-failure"));
    assert!(given.list().await.is_empty());
}
