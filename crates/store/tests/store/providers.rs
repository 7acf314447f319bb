//! Providers: settings in the open, credentials sealed.

use carillon_core::provider::changes::{Changed, CredentialsChange};
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
    let json = read.to_json();
    assert_eq!(json["has_credentials"], true);
    assert!(json.get("sealed_credentials").is_none(), "{json}");
    assert_eq!(read.open(&given).unwrap(), relay());
    let twice = provider::create(&given, &relay()).await;
    assert!(matches!(twice, Err(Error::Conflict { .. })), "{twice:?}");
    let in_the_clear =
        "SELECT count(*) FROM providers WHERE position('hunter2'::bytea IN sealed_credentials) > 0";
    assert_eq!(given.database.number(in_the_clear).await, 0);
}

/// The relay as a change leaves it, if nothing else is said.
fn kept() -> Changed {
    Changed {
        active: true,
        weight: 100,
        settings: relay().settings,
        credentials: CredentialsChange::Keep,
    }
}

#[tokio::test]
async fn an_update_sets_everything_but_what_the_provider_is() {
    let given = given().await;
    let created = provider::create(&given, &relay()).await.unwrap();
    let off = Changed {
        active: false,
        weight: 0,
        credentials: CredentialsChange::Remove,
        ..kept()
    };
    let updated = provider::update(&given, &created, &off).await.unwrap();
    assert!(updated.updated_at > created.updated_at);
    let expected = ProviderSpec {
        active: false,
        weight: 0,
        credentials: None,
        ..relay()
    };
    assert_eq!(updated.open(&given).unwrap(), expected);
    let heavy = Changed {
        weight: 101,
        ..kept()
    };
    let heavy = provider::update(&given, &updated, &heavy).await;
    assert!(matches!(heavy, Err(Error::Refused(_))), "{heavy:?}");
}

#[tokio::test]
async fn of_two_changes_of_what_was_read_once_the_second_is_refused() {
    let given = given().await;
    let read = provider::create(&given, &relay()).await.unwrap();
    let off = Changed {
        active: false,
        ..kept()
    };
    provider::update(&given, &read, &off).await.unwrap();
    let light = Changed {
        weight: 20,
        ..kept()
    };
    let second = provider::update(&given, &read, &light).await;
    assert!(matches!(second, Err(Error::Changed)), "{second:?}");
    let is = provider::read(&given, "relay").await.unwrap();
    assert_eq!((is.active, is.weight), (false, 100));
    provider::update(&given, &is, &light).await.unwrap();
    // Another of the same name is not the one that was read.
    provider::remove(&given, "relay").await.unwrap();
    let gone = provider::update(&given, &is, &light).await;
    assert!(matches!(gone, Err(Error::Gone)), "{gone:?}");
    provider::create(&given, &relay()).await.unwrap();
    let other = provider::update(&given, &is, &light).await;
    assert!(matches!(other, Err(Error::Changed)), "{other:?}");
}

#[tokio::test]
async fn a_provider_whose_key_is_lost_is_switched_off_and_given_other_credentials() {
    let given = given().await;
    provider::create(&given, &relay()).await.unwrap();
    for keys in [&[][..], &[vec![9; 32]]] {
        let lost = store(&given.database.url, keys);
        let read = provider::read(&lost, "relay").await.unwrap();
        assert!(matches!(read.open(&lost), Err(Error::Seal(_))));
        let off = Changed {
            active: false,
            ..kept()
        };
        let off = provider::update(&lost, &read, &off).await.unwrap();
        // What is kept is kept as it was: the key may be found again.
        assert_eq!(off.open(&given).unwrap().credentials, relay().credentials);
    }
    let lost = store(&given.database.url, &[vec![9; 32]]);
    let read = provider::read(&lost, "relay").await.unwrap();
    let set = Changed {
        credentials: relay()
            .credentials
            .map_or(CredentialsChange::Keep, CredentialsChange::Set),
        ..kept()
    };
    let set = provider::update(&lost, &read, &set).await.unwrap();
    assert_eq!(set.open(&lost).unwrap(), relay());
}

#[tokio::test]
async fn credentials_are_sealed_with_a_key_or_not_at_all() {
    let given = given().await;
    let keyless = store(&given.database.url, &[]);
    let refused = provider::create(&keyless, &relay()).await.unwrap_err();
    let words = "no encryption key is configured: set security.encryption_keys";
    assert_eq!(refused.to_string(), words);
    assert_eq!(provider::list(&given).await.unwrap(), []);
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
