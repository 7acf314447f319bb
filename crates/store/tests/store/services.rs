//! Services with their senders and safelists; providers; quarantine.

use carillon_core::channel::Channel;
use carillon_core::reason::QuarantineReason;
use carillon_store::service::{self, Changes};
use carillon_store::{Error, quarantine};

use crate::given::{given, service as some_service};

#[tokio::test]
async fn a_service_is_read_back_and_its_name_is_taken() {
    let given = given().await;
    let demo = some_service("Demo");
    service::create(&given, &demo, "Sender").await.unwrap();
    assert_eq!(service::read(&given, demo.id).await.unwrap(), demo);
    let twin = service::create(&given, &some_service("dEMO"), "Sender").await;
    assert!(matches!(twin, Err(Error::Conflict { .. })), "{twin:?}");
    let nobody = service::read(&given, some_service("x").id).await;
    assert!(matches!(nobody, Err(Error::Gone)));
}

#[tokio::test]
async fn only_what_is_named_changes() {
    let given = given().await;
    let demo = some_service("Demo");
    service::create(&given, &demo, "Sender").await.unwrap();
    let suspended = Changes {
        active: Some(false),
        ..Changes::default()
    };
    let changed = service::update(&given, demo.id, &suspended).await.unwrap();
    assert!(!changed.active && !changed.restricted);
    let unchanged = service::update(&given, demo.id, &Changes::default())
        .await
        .unwrap();
    assert_eq!(unchanged, changed);
    let nobody = service::update(&given, some_service("x").id, &suspended).await;
    assert!(matches!(nobody, Err(Error::Gone)));
}

#[tokio::test]
async fn a_new_default_sender_takes_the_place_of_the_old_one() {
    let given = given().await;
    let demo = some_service("Demo");
    service::create(&given, &demo, "Sender").await.unwrap();
    service::add_sender(&given, demo.id, Channel::Sms, "ONE", true)
        .await
        .unwrap();
    service::add_sender(&given, demo.id, Channel::Sms, "TWO", true)
        .await
        .unwrap();
    service::add_sender(&given, demo.id, Channel::Email, "a@example.org", true)
        .await
        .unwrap();
    let defaults: Vec<_> = service::senders(&given, demo.id)
        .await
        .unwrap()
        .into_iter()
        .map(|sender| (sender.value, sender.is_default))
        .collect();
    let expected = [
        ("Sender", false),
        ("ONE", false),
        ("TWO", true),
        ("a@example.org", true),
    ];
    assert_eq!(
        defaults,
        expected.map(|(value, is_default)| (value.to_owned(), is_default))
    );
}

#[tokio::test]
async fn a_sender_that_is_there_already_leaves_the_default_as_it_was() {
    let given = given().await;
    let demo = some_service("Demo");
    service::create(&given, &demo, "Sender").await.unwrap();
    service::add_sender(&given, demo.id, Channel::Sms, "ONE", true)
        .await
        .unwrap();
    service::add_sender(&given, demo.id, Channel::Sms, "TWO", false)
        .await
        .unwrap();
    let again = service::add_sender(&given, demo.id, Channel::Sms, "TWO", true).await;
    assert!(matches!(again, Err(Error::Conflict { .. })), "{again:?}");
    let senders = service::senders(&given, demo.id).await.unwrap();
    let default = senders.iter().find(|sender| sender.is_default).unwrap();
    assert_eq!(default.value, "ONE", "a refused change changes nothing");
}

#[tokio::test]
async fn the_safelist_grows_without_doubles_and_is_the_service_s_own() {
    let given = given().await;
    let (one, two) = (some_service("One"), some_service("Two"));
    service::create(&given, &one, "Sender").await.unwrap();
    service::create(&given, &two, "Sender").await.unwrap();
    let ada = (Channel::Email, "ada@example.org".to_owned());
    service::extend_safelist(&given, one.id, &[ada.clone(), ada.clone()])
        .await
        .unwrap();
    service::extend_safelist(&given, one.id, &[]).await.unwrap();
    assert_eq!(
        service::safelist(&given, one.id).await.unwrap(),
        std::slice::from_ref(&ada)
    );
    assert!(service::safelist(&given, two.id).await.unwrap().is_empty());
    let nobody = service::extend_safelist(&given, some_service("x").id, &[ada]).await;
    assert!(matches!(nobody, Err(Error::Gone)));
}

#[tokio::test]
async fn whatever_the_bytes_are_quarantine_keeps_them_whole() {
    let given = given().await;
    let payload: Vec<u8> = (0..=255).collect();
    let reason = QuarantineReason::Malformed;
    quarantine::put(&given, "database", "t", reason, "a\0b", &payload)
        .await
        .unwrap();
    let kept =
        "SELECT count(*) FROM quarantine WHERE length(payload) = 256 AND reason = 'malformed'";
    assert_eq!(given.database.number(kept).await, 1);
}
