//! The life of an event: relayed, claimed, marked; or held on the way.

use std::time::Duration;

use carillon_core::queue::Queue;
use carillon_core::webhook::CallWait;
use carillon_store::callback::{claim, hold, mark, relay, rescue_lost};
use carillon_test_support::eventually;
use uuid::Uuid;

use super::{SLOTS, attempts, delivered, endpoint, failed, relayed, state};
use crate::given::{LEASE, given};

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn an_event_is_relayed_claimed_with_all_a_call_needs_and_marked() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    let id = endpoint.on_its_way(&given).await;
    assert_eq!(state(&given, id).await, "attempts=0 callbacks on-its-way");

    let claimed = endpoint.claim(&given, id).await.unwrap();
    assert_eq!(
        state(&given, id).await,
        "attempts=1 callbacks on-its-way leased"
    );
    let row = &claimed.0;
    assert_eq!(row.url, "https://example.org/hook");
    let credentials = row.credentials(&given).unwrap();
    assert_eq!(credentials.token, "the token");
    assert_eq!(credentials.secrets, ["whsec_new", "whsec_old"]);
    let body: serde_json::Value = serde_json::from_slice(&row.change().body()).unwrap();
    assert_eq!(body["to"], "Ada@Example.org");
    assert_eq!(body["reference"], "order 7");
    assert_eq!(body["provider_response"], "general");

    mark(&given, &[delivered(&claimed)]).await.unwrap();
    assert_eq!(
        state(&given, id).await,
        "delivered attempts=1 callbacks status=204"
    );
    assert_eq!(attempts(&given, id).await, ["1 204"]);
    assert!(endpoint.claim(&given, id).await.is_none());
}

#[tokio::test]
async fn a_failed_call_waits_its_turn_and_comes_back_through_the_retry_queue() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    let claimed = endpoint.claimed(&given).await;
    let id = claimed.0.id;
    mark(&given, &[failed(&claimed)]).await.unwrap();
    assert_eq!(
        state(&given, id).await,
        "attempts=1 callbacks waits=retry for=300 status=503"
    );
    assert!(relayed(&given).await.is_empty());
    given.database.advance_clock(Duration::from_secs(301)).await;
    let relayed = relay(&given, SLOTS).await.unwrap();
    assert_eq!(
        (relayed[0].id, relayed[0].queue),
        (id, Queue::CallbacksRetry)
    );
    let again = endpoint.claim(&given, id).await.unwrap();
    assert_eq!(again.0.attempts, 2);
    mark(&given, &[delivered(&again)]).await.unwrap();
    assert_eq!(attempts(&given, id).await, ["1 503", "2 204"]);
}

#[tokio::test]
async fn a_claim_may_be_repeated_with_its_token_and_not_with_another() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    let (row, token) = endpoint.claimed(&given).await;
    let again = claim(&given, &[(endpoint.id, row.id)], token, LEASE)
        .await
        .unwrap();
    assert_eq!(again[0].attempts, 1);
    assert!(endpoint.claim(&given, row.id).await.is_none());
}

#[tokio::test]
async fn a_result_whose_lease_was_taken_away_is_on_record_and_decides_nothing() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    let first = endpoint.claimed(&given).await;
    let id = first.0.id;
    given.database.advance_clock(LEASE * 2).await;
    assert_eq!(rescue_lost(&given, 10).await.unwrap(), ["callbacks"]);
    assert_eq!(
        state(&given, id).await,
        "attempts=1 callbacks waits=lease-expired for=0"
    );
    assert_eq!(relayed(&given).await, [id]);
    let second = endpoint.claim(&given, id).await.unwrap();

    mark(&given, &[delivered(&first)]).await.unwrap();
    assert_eq!(
        state(&given, id).await,
        "attempts=2 callbacks-retry on-its-way leased"
    );
    mark(&given, &[failed(&second)]).await.unwrap();
    mark(&given, &[failed(&second)]).await.unwrap();
    assert_eq!(attempts(&given, id).await, ["1 204", "2 503"]);
}

#[tokio::test]
async fn what_is_held_waits_with_its_reason_and_what_is_leased_is_not_held() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    let id = endpoint.on_its_way(&given).await;
    let wait = Duration::from_secs(2);
    assert_eq!(
        hold(&given, &[id], CallWait::BrokerAway, wait)
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        hold(&given, &[id], CallWait::BrokerAway, wait)
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        state(&given, id).await,
        "attempts=0 callbacks waits=broker-away for=2"
    );
    assert!(endpoint.claim(&given, id).await.is_none(), "it waits");
    given.database.advance_clock(wait * 2).await;
    assert_eq!(relayed(&given).await, [id]);
    endpoint.claim(&given, id).await.unwrap();
    assert_eq!(
        hold(&given, &[id], CallWait::GivenBack, wait)
            .await
            .unwrap(),
        0
    );
}

#[tokio::test]
async fn a_claim_touches_no_index_while_relay_and_mark_do() {
    const N: i64 = 200;
    let given = given().await;
    let endpoint = endpoint(&given).await;
    // Room enough on every page, so that only an index can be in the way.
    let partitions = "SELECT string_agg(format('ALTER TABLE %s SET (fillfactor = 20)', relid), ';')
        FROM pg_partition_tree('callback_events') WHERE isleaf";
    let client = given.database.client().await;
    let alter: String = client.query_one(partitions, &[]).await.unwrap().get(0);
    client.batch_execute(&alter).await.unwrap();
    endpoint.events(&given, N as usize).await;
    let relayed = relay(&given, N as u32 / 4).await.unwrap();
    let events: Vec<_> = relayed.iter().map(|e| (e.callback_id, e.id)).collect();
    let token = Uuid::new_v4();
    let rows = claim(&given, &events, token, LEASE).await.unwrap();
    let results: Vec<_> = rows
        .into_iter()
        .map(|row| delivered(&(row, token)))
        .collect();
    assert_eq!(results.len(), N as usize);
    mark(&given, &results).await.unwrap();
    let hot = format!(
        "SELECT sum(n_tup_hot_upd)::bigint FROM pg_stat_user_tables
         WHERE relname LIKE 'callback_events_%' HAVING sum(n_tup_upd) = {}",
        3 * N
    );
    let n_hot: i64 = eventually("the statistics are reported", PATIENCE, async || {
        let row = client
            .query_opt(&hot, &[])
            .await
            .expect("the query is right");
        row.map(|row| row.get(0))
    })
    .await;
    assert_eq!(n_hot, N);
}
