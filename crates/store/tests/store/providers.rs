//! Providers: settings in the open, credentials sealed.

use carillon_core::channel::Channel;
use carillon_core::provider::{Credentials, NewProvider, ProviderSpec};
use carillon_store::{Error, provider};
use serde_json::json;

use crate::given::{given, store};

fn relay() -> ProviderSpec {
    let new: NewProvider = serde_json::from_value(json!({
        "name": "relay", "kind": "smtp", "settings": {"host": "mail.example.org"},
        "credentials": {"username": "ada", "password": "hunter2"},
    }))
    .expect("the fields are those of a provider");
    new.check().expect("the provider is as it must be")
}

#[tokio::test]
async fn what_was_created_opens_as_it_was() {
    let given = given().await;
    provider::create(&given, &relay()).await.unwrap();
    let read = provider::read(&given, "relay").await.unwrap();
    assert!(read.has_credentials());
    assert!(!read.settings.to_string().contains("hunter2"));
    assert!(!format!("{read:?}").contains("hunter2"));
    assert_eq!(read.open(&given).unwrap(), relay());
    let twice = provider::create(&given, &relay()).await;
    assert!(matches!(twice, Err(Error::Conflict { .. })), "{twice:?}");
    let in_the_clear =
        "SELECT count(*) FROM providers WHERE position('hunter2'::bytea IN sealed_credentials) > 0";
    assert_eq!(given.database.number(in_the_clear).await, 0);
}

#[tokio::test]
async fn an_update_sets_everything_but_what_the_provider_is() {
    let given = given().await;
    let created = provider::create(&given, &relay()).await.unwrap();
    let off = ProviderSpec {
        active: false,
        weight: 0,
        credentials: None,
        ..relay()
    };
    let updated = provider::update(&given, &off).await.unwrap();
    assert!(updated.updated_at > created.updated_at);
    assert_eq!(updated.open(&given).unwrap(), off);
    let heavy = provider::update(
        &given,
        &ProviderSpec {
            weight: 101,
            ..off.clone()
        },
    )
    .await;
    assert!(matches!(heavy, Err(Error::Refused(_))), "{heavy:?}");
    let moved = provider::update(
        &given,
        &ProviderSpec {
            channel: Channel::Sms,
            ..off
        },
    )
    .await;
    assert!(matches!(moved, Err(Error::Gone)), "{moved:?}");
}

#[tokio::test]
async fn one_that_is_added_alone_takes_the_place_of_those_of_its_channel() {
    let given = given().await;
    let sms: NewProvider = serde_json::from_value(json!({
        "name": "texts", "kind": "sandbox", "channel": "sms",
    }))
    .unwrap();
    provider::create(&given, &sms.check().unwrap())
        .await
        .unwrap();
    let first = ProviderSpec {
        name: "first".to_owned(),
        ..relay()
    };
    provider::create(&given, &first).await.unwrap();
    let (added, stopped) = provider::create_alone(&given, &relay()).await.unwrap();
    assert!(added.active);
    assert_eq!(stopped, ["first"]);
    let active = provider::list(&given).await.unwrap();
    let active: Vec<_> = active
        .iter()
        .filter(|p| p.active)
        .map(|p| &*p.name)
        .collect();
    assert_eq!(active, ["relay", "texts"]);
    // One whose name is taken changes nothing.
    let again = provider::create_alone(&given, &first).await;
    assert!(matches!(again, Err(Error::Conflict { .. })), "{again:?}");
    assert!(provider::read(&given, "relay").await.unwrap().active);
}

#[tokio::test]
async fn a_removed_provider_is_gone() {
    let given = given().await;
    provider::create(&given, &relay()).await.unwrap();
    provider::remove(&given, "relay").await.unwrap();
    assert!(matches!(
        provider::read(&given, "relay").await,
        Err(Error::Gone)
    ));
    assert!(matches!(
        provider::remove(&given, "relay").await,
        Err(Error::Gone)
    ));
}

#[tokio::test]
async fn credentials_open_only_with_their_key_and_for_their_name() {
    let given = given().await;
    provider::create(&given, &relay()).await.unwrap();
    let other_key = store(&given.database.url, &[vec![9; 32]]);
    let read = provider::read(&other_key, "relay").await.unwrap();
    assert!(matches!(read.open(&other_key), Err(Error::Seal(_))));
    let copied = "UPDATE providers SET name = 'other'";
    given.database.execute(copied).await;
    let other = provider::read(&given, "other").await.unwrap();
    assert!(matches!(other.open(&given), Err(Error::Seal(_))));
}

#[tokio::test]
async fn credentials_are_never_debugged() {
    let spec = relay();
    assert!(matches!(spec.credentials, Some(Credentials::Smtp(_))));
    assert!(!format!("{spec:?}").contains("hunter2"));
}
