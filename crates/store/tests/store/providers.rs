//! Providers: settings in the open, credentials sealed.

use carillon_core::provider::changes::{Changed, CredentialsChange};
use carillon_core::provider::{Credentials, NewProvider, ProviderSpec};
use carillon_store::provider::By;
use carillon_store::{Error, provider};
use serde_json::json;

use crate::given::{given, store};

pub const BY: By<'_> = By {
    actor: "test",
    reason: None,
};

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
    provider::create(&given, &relay(), BY).await.unwrap();
    let read = provider::read(&given, "relay").await.unwrap();
    assert!(read.has_credentials());
    assert!(!read.settings.to_string().contains("hunter2"));
    assert!(!format!("{read:?}").contains("hunter2"));
    let json = read.to_json();
    assert_eq!(json["has_credentials"], true);
    assert!(json.get("sealed_credentials").is_none(), "{json}");
    assert_eq!(read.open(&given).unwrap(), relay());
    let twice = provider::create(&given, &relay(), BY).await;
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
        resting_weight: 100,
        rate_per_second: None,
        settings: relay().settings,
        credentials: CredentialsChange::Keep,
    }
}

#[tokio::test]
async fn an_update_sets_everything_but_what_the_provider_is() {
    let given = given().await;
    let created = provider::create(&given, &relay(), BY).await.unwrap();
    let off = Changed {
        active: false,
        weight: 0,
        credentials: CredentialsChange::Remove,
        ..kept()
    };
    let updated = provider::update(&given, &created, &off, BY, true)
        .await
        .unwrap();
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
    let heavy = provider::update(&given, &updated, &heavy, BY, true).await;
    assert!(matches!(heavy, Err(Error::Refused(_))), "{heavy:?}");
}

#[tokio::test]
async fn of_two_changes_of_what_was_read_once_the_second_is_refused() {
    let given = given().await;
    let read = provider::create(&given, &relay(), BY).await.unwrap();
    let off = Changed {
        active: false,
        ..kept()
    };
    provider::update(&given, &read, &off, BY, true)
        .await
        .unwrap();
    let light = Changed {
        weight: 20,
        ..kept()
    };
    let second = provider::update(&given, &read, &light, BY, true).await;
    assert!(matches!(second, Err(Error::Changed)), "{second:?}");
    let is = provider::read(&given, "relay").await.unwrap();
    assert_eq!((is.active, is.weight), (false, 100));
    provider::update(&given, &is, &light, BY, true)
        .await
        .unwrap();
    // Another of the same name is not the one that was read.
    provider::remove(&given, "relay", BY, true).await.unwrap();
    let gone = provider::update(&given, &is, &light, BY, true).await;
    assert!(matches!(gone, Err(Error::Gone)), "{gone:?}");
    provider::create(&given, &relay(), BY).await.unwrap();
    let other = provider::update(&given, &is, &light, BY, true).await;
    assert!(matches!(other, Err(Error::Changed)), "{other:?}");
}

#[tokio::test]
async fn a_provider_whose_key_is_lost_is_switched_off_and_given_other_credentials() {
    let given = given().await;
    provider::create(&given, &relay(), BY).await.unwrap();
    for keys in [&[][..], &[vec![9; 32]]] {
        let lost = store(&given.database.url, keys);
        let read = provider::read(&lost, "relay").await.unwrap();
        assert!(matches!(read.open(&lost), Err(Error::Seal(_))));
        let off = Changed {
            active: false,
            ..kept()
        };
        let off = provider::update(&lost, &read, &off, BY, true)
            .await
            .unwrap();
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
    let set = provider::update(&lost, &read, &set, BY, true)
        .await
        .unwrap();
    assert_eq!(set.open(&lost).unwrap(), relay());
}

#[tokio::test]
async fn credentials_are_sealed_with_a_key_or_not_at_all() {
    let given = given().await;
    let keyless = store(&given.database.url, &[]);
    let refused = provider::create(&keyless, &relay(), BY).await.unwrap_err();
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
    provider::create(&given, &sms.check().unwrap(), BY)
        .await
        .unwrap();
    let first = ProviderSpec {
        name: "first".to_owned(),
        ..relay()
    };
    provider::create(&given, &first, BY).await.unwrap();
    let (added, stopped) = provider::create_alone(&given, &relay(), BY).await.unwrap();
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
    let again = provider::create_alone(&given, &first, BY).await;
    assert!(matches!(again, Err(Error::Conflict { .. })), "{again:?}");
    assert!(provider::read(&given, "relay").await.unwrap().active);
}

#[tokio::test]
async fn every_change_is_in_the_history_with_its_reason_and_no_secret() {
    let given = given().await;
    let created = provider::create(&given, &relay(), BY).await.unwrap();
    let why = By {
        reason: Some("too many bounces"),
        ..BY
    };
    let light = Changed {
        weight: 0,
        resting_weight: 0,
        rate_per_second: Some(14),
        ..kept()
    };
    let drained = provider::update(&given, &created, &light, why, true)
        .await
        .unwrap();
    assert_eq!(drained.rate_per_second, Some(14));
    let anew = Changed {
        credentials: relay()
            .credentials
            .map_or(CredentialsChange::Keep, CredentialsChange::Set),
        ..light
    };
    provider::update(&given, &drained, &anew, BY, true)
        .await
        .unwrap();
    provider::remove(&given, "relay", BY, true).await.unwrap();
    // It outlives the provider, newest first.
    let history = provider::history(&given, "relay", 10).await.unwrap();
    let [removed, resealed, drained, added] = &history[..] else {
        panic!("{history:?}");
    };
    assert!(added.before.is_none() && added.after.is_some());
    assert!(removed.before.is_some() && removed.after.is_none());
    assert_eq!(drained.reason.as_deref(), Some("too many bounces"));
    let weight = |value: &Option<serde_json::Value>| value.as_ref().unwrap()["weight"].clone();
    assert_eq!(weight(&drained.before), 100);
    assert_eq!(weight(&drained.after), 0);
    assert_eq!(resealed.after.as_ref().unwrap()["credentials"], "new");
    assert!(!format!("{history:?}").contains("hunter2"));
    assert_eq!(
        provider::history(&given, "relay", 1).await.unwrap().len(),
        1
    );
    let never = provider::history(&given, "never", 10).await;
    assert!(matches!(never, Err(Error::Gone)), "{never:?}");
}

#[tokio::test]
async fn the_last_of_a_channel_is_taken_out_by_force_only_even_when_two_go_together() {
    let given = given().await;
    let mut both = Vec::new();
    for name in ["one", "two"] {
        let spec = ProviderSpec {
            name: name.to_owned(),
            ..relay()
        };
        both.push(provider::create(&given, &spec, BY).await.unwrap());
    }
    let off = Changed {
        active: false,
        ..kept()
    };
    let (one, two) = tokio::join!(
        provider::update(&given, &both[0], &off, BY, false),
        provider::update(&given, &both[1], &off, BY, false),
    );
    let refused = match (one, two) {
        (Ok(_), Err(error)) | (Err(error), Ok(_)) => error,
        neither => panic!("{neither:?}"),
    };
    assert!(matches!(refused, Error::LastOfChannel(_)), "{refused:?}");
    let left = provider::list(&given).await.unwrap();
    let left = left.iter().find(|one| one.active).unwrap();
    let removal = provider::remove(&given, &left.name, BY, false).await;
    assert!(
        matches!(removal, Err(Error::LastOfChannel(_))),
        "{removal:?}"
    );
    let idle = Changed {
        weight: 0,
        resting_weight: 0,
        ..kept()
    };
    let drain = provider::update(&given, left, &idle, BY, false).await;
    assert!(matches!(drain, Err(Error::LastOfChannel(_))), "{drain:?}");
    provider::update(&given, left, &idle, BY, true)
        .await
        .unwrap();
}

#[tokio::test]
async fn another_share_or_rate_keeps_the_client_and_other_settings_do_not() {
    let given = given().await;
    let created = provider::create(&given, &relay(), BY).await.unwrap();
    let light = Changed {
        weight: 20,
        rate_per_second: Some(5),
        ..kept()
    };
    let weighed = provider::update(&given, &created, &light, BY, false)
        .await
        .unwrap();
    assert!(weighed.has_client_of(&created));
    let without = Changed {
        credentials: CredentialsChange::Remove,
        ..kept()
    };
    let without = provider::update(&given, &weighed, &without, BY, false)
        .await
        .unwrap();
    assert!(!without.has_client_of(&weighed));
}

#[tokio::test]
async fn a_removed_provider_is_gone() {
    let given = given().await;
    provider::create(&given, &relay(), BY).await.unwrap();
    provider::remove(&given, "relay", BY, true).await.unwrap();
    assert!(matches!(
        provider::read(&given, "relay").await,
        Err(Error::Gone)
    ));
    assert!(matches!(
        provider::remove(&given, "relay", BY, true).await,
        Err(Error::Gone)
    ));
}

#[tokio::test]
async fn credentials_open_only_with_their_key_and_for_their_name() {
    let given = given().await;
    provider::create(&given, &relay(), BY).await.unwrap();
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
