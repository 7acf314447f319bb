//! Balancing: how fast providers were, and weights that move with their reasons.

use carillon_core::provider::balance::{Reweighed, away_from_slow, back_to_rest};
use carillon_core::provider::{NewProvider, ProviderSpec};
use carillon_store::provider::{self, Provider};
use chrono::TimeDelta;
use serde_json::json;

use crate::given::{Given, given};
use crate::providers::BY;

/// What was accepted minutes ago may be of the day before.
const YESTERDAY: &str =
    "SELECT ensure_day_partitions((carillon_now() AT TIME ZONE 'UTC')::date - 1)";

/// Two providers of text messages, added long ago.
async fn two(given: &Given) {
    for name in ["one", "two"] {
        let new = json!({"name": name, "kind": "sandbox", "channel": "sms", "weight": 50});
        let new: NewProvider = serde_json::from_value(new).expect("the fields of a provider");
        let spec: ProviderSpec = new.check().expect("a provider");
        provider::create(given, &spec, BY)
            .await
            .expect("a free name");
    }
    let long_ago = "UPDATE providers SET updated_at = carillon_now() - interval '1 day'";
    given.database.execute(long_ago).await;
}

/// Messages of a provider accepted `minutes` ago, each sent at once; delivered after so many
/// minutes, or not yet.
async fn messages(given: &Given, provider: &str, n: i64, minutes: i64, took: Option<i64>) {
    let (status, completed) = match took {
        Some(took) => ("delivered", format!("at.at + interval '{took} minutes'")),
        None => ("sending", "NULL".to_owned()),
    };
    let insert = format!(
        "INSERT INTO notifications (id, service_id, template_id, created_at, template_version, status,
             channel, lane, key_type, queue, recipient, normalised_recipient, personalisation, provider,
             sent_at, completed_at)
         SELECT (substr(uuidv7_lower_bound(at.at)::text, 1, 14) || '7' || substr(gen_random_uuid()::text, 16))::uuid,
             gen_random_uuid(), gen_random_uuid(), at.at, 1, '{status}',
             'sms', 'normal', 'normal', 'send-sms', '1', '1', '{{}}', '{provider}', at.at, {completed}
         FROM generate_series(1, {n}), (SELECT carillon_now() - interval '{minutes} minutes' AS at) at"
    );
    given.database.execute(&insert).await;
}

async fn weights(given: &Given) -> Vec<(i32, i32)> {
    let all = provider::list(given).await.expect("PostgreSQL answers");
    let pair = |one: &Provider| (one.weight, one.resting_weight);
    all.iter().map(pair).collect()
}

async fn switch(given: &Given) -> Vec<Reweighed> {
    let speeds = provider::speeds(given).await.expect("PostgreSQL answers");
    let decide = |all: &[_], now| away_from_slow(all, &speeds, now);
    provider::reweigh(given, "poller", decide)
        .await
        .expect("PostgreSQL answers")
}

#[tokio::test]
async fn a_slow_provider_hands_weight_over_and_gets_it_back_when_it_is_quiet() {
    let given = given().await;
    given.database.execute(YESTERDAY).await;
    two(&given).await;
    // Slow: delivered after six minutes, or out for eight. Not slow, too old, or of a test key.
    messages(&given, "one", 4, 10, Some(6)).await;
    messages(&given, "one", 4, 8, None).await;
    messages(&given, "one", 42, 4, None).await;
    messages(&given, "two", 60, 10, Some(1)).await;
    messages(&given, "two", 60, 20, None).await;
    let speeds = provider::speeds(&given).await.unwrap();
    let of = |name: &str| {
        let speed = speeds.iter().find(|speed| speed.name == name).unwrap();
        (speed.n_messages, speed.n_slow)
    };
    assert_eq!((of("one"), of("two")), ((50, 8), (60, 0)));

    assert_eq!(switch(&given).await.len(), 2);
    assert_eq!(weights(&given).await, [(40, 50), (60, 50)]);
    assert_eq!(switch(&given).await, [], "it has just moved");
    let history = provider::history(&given, "one", 1).await.unwrap();
    assert_eq!(history[0].actor, "poller");
    let reason = history[0].reason.as_deref().unwrap();
    assert!(reason.contains("8 of 50"), "{reason}");

    let tend = async || provider::reweigh(&given, "poller", back_to_rest).await;
    assert_eq!(tend().await.unwrap(), []);
    given
        .database
        .advance_clock(TimeDelta::minutes(16).to_std().unwrap())
        .await;
    assert_eq!(tend().await.unwrap().len(), 2);
    assert_eq!(weights(&given).await, [(50, 50), (50, 50)]);
}

#[tokio::test]
async fn what_a_provider_has_not_reported_on_is_counted() {
    let given = given().await;
    given.database.execute(YESTERDAY).await;
    messages(&given, "one", 3, 60, None).await;
    messages(&given, "one", 2, 60, Some(1)).await;
    messages(&given, "two", 1, 60, None).await;
    assert_eq!(provider::n_with_it(&given, "one").await.unwrap(), 3);
}
