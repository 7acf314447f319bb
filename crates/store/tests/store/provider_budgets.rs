//! Send rates that workers share.

use std::time::Duration;

use carillon_core::provider::NewProvider;
use carillon_store::{health, provider, provider_budget};
use futures::future::try_join_all;
use serde_json::{Value, json};

use crate::given::{Given, given};
use crate::providers::BY;

const TENTH: Duration = Duration::from_millis(100);
const MINUTE: Duration = Duration::from_secs(60);

/// A provider with a rate, or none.
async fn with_provider(rate: Value) -> Given {
    let given = given().await;
    let new: NewProvider = serde_json::from_value(json!({
        "name": "relay", "kind": "smtp", "settings": {"host": "mail.example.org"},
        "rate_per_second": rate,
    }))
    .expect("the fields are those of a provider");
    let spec = new.check().expect("the provider is as it must be");
    let created = provider::create(&given, &spec, BY).await;
    created.expect("there is none of this name");
    given
}

async fn rate(given: &Given) -> Option<f64> {
    let rates = provider_budget::rates(given)
        .await
        .expect("PostgreSQL answers");
    let rate = rates.into_iter().find(|rate| rate.provider == "relay");
    rate.map(|rate| rate.per_second)
}

/// How many of so many wanted are granted; none where there is no rate.
async fn borrow(given: &Given, wanted: i32) -> Option<i32> {
    let wanted = [("relay".to_owned(), wanted), ("nobody".to_owned(), 5)];
    let grants = provider_budget::borrow(given, &wanted).await;
    let grants = grants.expect("PostgreSQL answers");
    assert!(grants.iter().all(|grant| grant.provider == "relay"));
    grants.first().map(|grant| grant.granted)
}

#[tokio::test]
async fn hungry_workers_use_the_rate_and_no_more() {
    let given = with_provider(json!(200)).await;
    assert_eq!(rate(&given).await, Some(200.0));
    borrow(&given, 1_000).await;
    let began = health::now(&given).await.unwrap();
    let mut granted = 0;
    for _ in 0..60 {
        given.database.advance_clock(TENTH / 3).await;
        granted += borrow(&given, 25).await.unwrap();
    }
    let elapsed = health::now(&given).await.unwrap() - began;
    let allowed = elapsed.as_seconds_f64() * 200.0;
    let share = f64::from(granted) / allowed;
    assert!((0.9..=1.1).contains(&share), "{granted} of {allowed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_worker_was_granted_no_other_gets() {
    // One in a hundred seconds fills while this runs, if that.
    let given = with_provider(json!(1)).await;
    rate(&given).await;
    given.database.advance_clock(MINUTE).await;
    let grants = try_join_all((0..8).map(|_| {
        let wanted = [("relay".to_owned(), 3)];
        let store = given.store.clone();
        async move { provider_budget::borrow(&store, &wanted).await }
    }));
    let grants = grants.await.unwrap();
    let sum: i32 = grants.iter().flatten().map(|grant| grant.granted).sum();
    // A minute without calls is not made up for, and eight statements take less than three seconds.
    assert!((1..=3).contains(&sum), "{sum}");
}

#[tokio::test]
async fn what_an_account_says_is_in_force_until_a_rate_is_set() {
    let given = with_provider(Value::Null).await;
    assert_eq!((rate(&given).await, borrow(&given, 1).await), (None, None));
    let names = || vec!["relay".to_owned(), "nobody".to_owned()];
    let turns = (0..5).map(|_| provider_budget::take_turn_to_ask(&given, names(), MINUTE));
    let taken = try_join_all(turns).await.unwrap();
    assert_eq!(taken.concat(), ["relay"]);
    provider_budget::report(&given, "relay", 14.5)
        .await
        .unwrap();
    assert_eq!(rate(&given).await, Some(14.5));
    assert!(borrow(&given, 1).await.is_some());
    given.database.advance_clock(MINUTE).await;
    let again = provider_budget::take_turn_to_ask(&given, names(), MINUTE).await;
    assert_eq!(again.unwrap(), ["relay"]);

    let set = "UPDATE providers SET rate_per_second = 3 WHERE name = 'relay'";
    given.database.execute(set).await;
    assert_eq!(rate(&given).await, Some(3.0));
    given.database.advance_clock(MINUTE).await;
    let not_asked = provider_budget::take_turn_to_ask(&given, names(), MINUTE).await;
    assert!(not_asked.unwrap().is_empty());
    provider::remove(&given, "relay", BY, true).await.unwrap();
    let left = "SELECT count(*) FROM provider_budgets";
    assert_eq!(given.database.number(left).await, 0);
}
