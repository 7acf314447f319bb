//! API keys: sealed, opened, revoked.

use carillon_core::api_key::{FullKey, KeyType};
use carillon_core::id::ApiKeyId;
use carillon_store::{Error, api_key, health, service};
use uuid::Uuid;

use crate::given::{Given, given, service as some_service, store};

async fn demo(given: &Given, name: &str) -> carillon_core::service::Service {
    let demo = some_service(name);
    service::create(given, &demo, "Sender")
        .await
        .expect("the name is free");
    demo
}

#[tokio::test]
async fn a_key_opens_to_the_secret_that_was_shown() {
    let given = given().await;
    let demo = demo(&given, "Demo").await;
    let (id, full) = api_key::create(&given, demo.id, "live", KeyType::Normal)
        .await
        .unwrap();
    let full = FullKey::parse(&full).unwrap();
    let keys = api_key::of_service(&given, demo.id).await.unwrap();
    assert_eq!(keys.len(), 1);
    assert!(keys[0].id == id && keys[0].secret == full.secret && full.service_id == demo.id);
    assert_eq!(
        (keys[0].key_type, keys[0].revoked_at),
        (KeyType::Normal, None)
    );
}

#[tokio::test]
async fn the_secret_is_not_in_the_database() {
    let given = given().await;
    let demo = demo(&given, "Demo").await;
    let (_, full) = api_key::create(&given, demo.id, "live", KeyType::Normal)
        .await
        .unwrap();
    let secret = FullKey::parse(&full).unwrap().secret.simple().to_string();
    let found = format!(
        "SELECT count(*) FROM api_keys WHERE encode(sealed_secret, 'hex') LIKE '%{secret}%' \
         OR name LIKE '%{secret}%'"
    );
    assert_eq!(given.database.number(&found).await, 0);
}

#[tokio::test]
async fn a_sealed_secret_moved_to_another_row_does_not_open() {
    let given = given().await;
    let demo = demo(&given, "Demo").await;
    api_key::create(&given, demo.id, "one", KeyType::Normal)
        .await
        .unwrap();
    api_key::create(&given, demo.id, "two", KeyType::Test)
        .await
        .unwrap();
    given
        .database
        .execute(
            "UPDATE api_keys SET sealed_secret = \
             (SELECT sealed_secret FROM api_keys WHERE name = 'one') WHERE name = 'two'",
        )
        .await;
    let read = api_key::of_service(&given, demo.id).await;
    assert!(matches!(read, Err(Error::Seal(_))));
}

#[tokio::test]
async fn a_rotated_encryption_key_still_opens_old_secrets_and_a_wrong_one_does_not() {
    let given = given().await;
    let demo = demo(&given, "Demo").await;
    api_key::create(&given, demo.id, "live", KeyType::Normal)
        .await
        .unwrap();
    let rotated = store(&given.database.url, &[vec![9; 32], vec![7; 32]]);
    assert_eq!(
        api_key::of_service(&rotated, demo.id).await.unwrap().len(),
        1
    );
    let wrong = store(&given.database.url, &[vec![9; 32]]);
    assert!(matches!(
        api_key::of_service(&wrong, demo.id).await,
        Err(Error::Seal(_))
    ));
}

#[tokio::test]
async fn a_revoked_key_is_told_from_an_unknown_one_and_frees_its_name() {
    let given = given().await;
    let demo = demo(&given, "Demo").await;
    let (id, _) = api_key::create(&given, demo.id, "live", KeyType::Normal)
        .await
        .unwrap();
    let again = api_key::create(&given, demo.id, "LIVE", KeyType::Team).await;
    assert!(
        matches!(again, Err(Error::Conflict { .. })),
        "a live name is unique"
    );

    let now = health::now(&given).await.unwrap();
    api_key::revoke(&given, demo.id, id, now).await.unwrap();
    let later = now + chrono::Duration::hours(1);
    api_key::revoke(&given, demo.id, id, later).await.unwrap();
    let keys = api_key::of_service(&given, demo.id).await.unwrap();
    let revoked_at = keys[0].revoked_at.unwrap();
    assert_eq!(revoked_at.timestamp_micros(), now.timestamp_micros());

    api_key::create(&given, demo.id, "live", KeyType::Normal)
        .await
        .unwrap();
    let unknown = ApiKeyId(Uuid::new_v4());
    assert!(matches!(
        api_key::revoke(&given, demo.id, unknown, now).await,
        Err(Error::Gone)
    ));
}

#[tokio::test]
async fn no_service_sees_or_revokes_another_s_key() {
    let given = given().await;
    let (one, two) = (demo(&given, "One").await, demo(&given, "Two").await);
    let (id, _) = api_key::create(&given, one.id, "live", KeyType::Normal)
        .await
        .unwrap();
    assert!(
        api_key::of_service(&given, two.id)
            .await
            .unwrap()
            .is_empty()
    );
    let now = health::now(&given).await.unwrap();
    assert!(matches!(
        api_key::revoke(&given, two.id, id, now).await,
        Err(Error::Gone)
    ));
    let keys = api_key::of_service(&given, one.id).await.unwrap();
    assert_eq!(keys[0].revoked_at, None);
}

#[tokio::test]
async fn a_key_of_no_service_is_refused() {
    let given = given().await;
    let nobody = some_service("Nobody").id;
    let created = api_key::create(&given, nobody, "live", KeyType::Normal).await;
    assert!(matches!(created, Err(Error::Gone)));
}
