//! Saving accepted notifications.

use carillon_core::id::NotificationId;
use carillon_core::reason::Reason;
use carillon_core::task::SaveNotification;
use carillon_store::Error;
use carillon_store::notification::{self, save};
use serde_json::json;
use uuid::Uuid;

use crate::given::{email, emails, given, id_of_day, ids};

#[tokio::test]
async fn a_batch_saved_twice_is_there_once_with_one_timeline_entry_each() {
    let given = given().await;
    let batch = emails(20);
    assert_eq!(save(&given, &batch[..15], None).await.unwrap(), 15);
    assert_eq!(save(&given, &batch, None).await.unwrap(), 5);
    assert_eq!(save(&given, &batch, None).await.unwrap(), 0);
    assert_eq!(
        given
            .database
            .number("SELECT count(*) FROM notifications")
            .await,
        20
    );
    assert_eq!(
        given
            .database
            .number("SELECT count(*) FROM notification_events")
            .await,
        20
    );
    for id in ids(&batch) {
        assert_eq!(given.row(id).await, "created attempts=0 on-its-way");
        assert_eq!(given.timeline(id).await, ["accepted"]);
    }
}

#[tokio::test]
async fn an_id_named_twice_in_a_batch_is_saved_once() {
    let given = given().await;
    let one = email();
    assert_eq!(
        save(&given, &[one.clone(), one.clone()], None)
            .await
            .unwrap(),
        1
    );
    assert_eq!(given.timeline(one.id).await, ["accepted"]);
}

#[tokio::test]
async fn a_repeated_save_does_not_undo_what_happened_since() {
    let given = given().await;
    let one = email();
    given.save(std::slice::from_ref(&one)).await;
    given.claimed(one.id).await;
    assert_eq!(
        save(&given, std::slice::from_ref(&one), Some(Reason::BrokerAway))
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        given.row(one.id).await,
        "created attempts=1 on-its-way leased"
    );
}

#[tokio::test]
async fn every_field_is_read_back_as_it_was_saved() {
    let given = given().await;
    let full = SaveNotification {
        reference: Some("order 12".to_owned()),
        sender: Some("reply@example.org".to_owned()),
        unsubscribe_url: Some("https://example.org/u".to_owned()),
        recipient: "Änne ✉ <a@example.org>".to_owned(),
        personalisation: json!({ "n": 1.5, "list": ["a", "b"], "emoji": "🐈" })
            .as_object()
            .cloned()
            .unwrap(),
        ..email()
    };
    given.save(&[full.clone(), email()]).await;
    let read = notification::read_many(&given, &[full.id])
        .await
        .unwrap()
        .remove(0);
    assert_eq!(read.recipient, full.recipient);
    assert_eq!(read.reference, full.reference);
    assert_eq!(read.sender, full.sender);
    assert_eq!(read.unsubscribe_url, full.unsubscribe_url);
    assert_eq!(
        read.personalisation,
        serde_json::Value::Object(full.personalisation)
    );
    assert_eq!(
        read.created_at.timestamp_micros(),
        full.created_at.timestamp_micros()
    );
    let token = Uuid::new_v4();
    let claimed = notification::claim(&given, &[full.id], token, crate::given::LEASE)
        .await
        .unwrap();
    assert_eq!(claimed[0].normalised_recipient, full.normalised_recipient);
}

#[tokio::test]
async fn the_partitions_of_an_old_and_a_far_day_are_made_on_the_way() {
    let given = given().await;
    let batch: Vec<_> = [-40, 0, 60]
        .into_iter()
        .map(|days| SaveNotification {
            id: id_of_day(days),
            ..email()
        })
        .collect();
    assert_eq!(save(&given, &batch, None).await.unwrap(), 3);
    for id in ids(&batch) {
        assert_eq!(given.timeline(id).await, ["accepted"]);
    }
}

#[tokio::test]
async fn an_id_without_a_time_has_no_partition() {
    let given = given().await;
    let timeless = SaveNotification {
        id: NotificationId(Uuid::max()),
        ..email()
    };
    let refused = save(&given, &[email(), timeless], None).await;
    assert!(matches!(refused, Err(Error::NoPartition)), "{refused:?}");
}

#[tokio::test]
async fn a_value_that_postgresql_never_takes_is_refused_and_leaves_nothing() {
    let given = given().await;
    let unstorable = |change: fn(&mut SaveNotification)| {
        let mut one = email();
        change(&mut one);
        one
    };
    let poisons = [
        unstorable(|n| n.recipient = "a\0b".to_owned()),
        unstorable(|n| n.reference = Some("\0".to_owned())),
        unstorable(|n| drop(n.personalisation.insert("x".to_owned(), json!("a\0b")))),
        unstorable(|n| drop(n.personalisation.insert("a\0b".to_owned(), json!(1)))),
    ];
    for poison in poisons {
        let mut batch = emails(3);
        batch.insert(1, poison);
        let refused = save(&given, &batch, None).await;
        assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
        assert!(!refused.unwrap_err().is_transient());
    }
    assert_eq!(
        given
            .database
            .number("SELECT count(*) FROM notifications")
            .await,
        0
    );
    assert_eq!(
        given
            .database
            .number("SELECT count(*) FROM notification_events")
            .await,
        0
    );
}

#[tokio::test]
async fn the_longest_reference_in_the_widest_characters_is_saved_and_found() {
    let given = given().await;
    let wide = |n: u32| char::from_u32(0x1_0000 + n * 37 % 0xF_0000).unwrap_or('𐀀');
    let reference: String = (0..1_000).map(|n: u32| wide(n * n)).collect();
    let one = SaveNotification {
        reference: Some(reference.clone()),
        ..email()
    };
    given.save(std::slice::from_ref(&one)).await;
    let filter = notification::Filter {
        reference: Some(reference),
        ..notification::Filter::default()
    };
    let page = notification::read_page(&given, one.service_id, one.key_type, &filter, 10).await;
    assert_eq!(page.unwrap().len(), 1);
}

#[tokio::test]
async fn a_refusal_names_no_value() {
    let given = given().await;
    let poison = SaveNotification {
        recipient: "secret@example.org\0".to_owned(),
        ..email()
    };
    let refused = save(&given, &[poison], None).await.unwrap_err();
    assert!(!format!("{refused:?}").contains("secret"), "{refused:?}");
}

#[tokio::test]
async fn a_named_reason_or_a_time_in_the_future_makes_a_new_row_wait() {
    let given = given().await;
    let now = carillon_core::clock::now();
    let later = SaveNotification {
        scheduled_for: Some(now + chrono::Duration::hours(1)),
        ..email()
    };
    let past = SaveNotification {
        scheduled_for: Some(now - chrono::Duration::hours(1)),
        ..email()
    };
    given.save(&[later.clone(), past.clone()]).await;
    assert_eq!(
        given.row(later.id).await,
        "created attempts=0 waits=scheduled"
    );
    assert_eq!(given.timeline(later.id).await, ["accepted scheduled"]);
    // Its time passed while it was on the way here: it is due at once, but nobody publishes it.
    assert_eq!(
        given.row(past.id).await,
        "created attempts=0 waits=scheduled"
    );

    let away = email();
    save(
        &given,
        std::slice::from_ref(&away),
        Some(Reason::BrokerAway),
    )
    .await
    .unwrap();
    assert_eq!(
        given.row(away.id).await,
        "created attempts=0 waits=broker-away"
    );
}

#[tokio::test]
async fn an_empty_batch_is_nothing() {
    let given = given().await;
    assert_eq!(save(&given, &[], None).await.unwrap(), 0);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_transient() {
    let port = carillon_test_support::free_port();
    let store = crate::given::store(&format!("postgres://a:b@127.0.0.1:{port}/x"), &[]);
    let failed = save(&store, &[email()], None).await.unwrap_err();
    assert!(failed.is_transient(), "{failed:?}");
}
