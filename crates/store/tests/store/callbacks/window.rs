//! How many events may be on their way: of one endpoint, and in one statement.

use std::collections::BTreeMap;
use std::time::Duration;

use carillon_core::id::CallbackId;
use carillon_core::queue::Queue;
use carillon_core::webhook::Pace;
use carillon_store::callback::{CallResult, mark, relay};

use super::{Endpoint, delivered, endpoint, relayed};
use crate::given::{Given, given};

#[tokio::test]
async fn no_more_are_on_their_way_than_the_window_has_room_for() {
    let given = given().await;
    let (one, other) = (endpoint(&given).await, endpoint(&given).await);
    one.events(&given, 10).await;
    other.events(&given, 2).await;
    let first = relay(&given, 1).await.unwrap();
    let of = |endpoint: &Endpoint| {
        first
            .iter()
            .filter(|e| e.callback_id == endpoint.id)
            .count()
    };
    assert_eq!((of(&one), of(&other)), (4, 2));
    assert!(relay(&given, 1).await.unwrap().is_empty());
    let done = first.iter().find(|e| e.callback_id == one.id).unwrap().id;
    let claimed = one.claim(&given, done).await.unwrap();
    mark(&given, &[delivered(&claimed)]).await.unwrap();
    assert_eq!(relay(&given, 1).await.unwrap().len(), 1);
}

impl Endpoint {
    async fn pace(&self, given: &Given) -> Pace {
        let query = format!(
            "SELECT call_ms::bigint FROM service_callbacks WHERE id = '{}'",
            self.id
        );
        let call_ms = given.database.number(&query).await;
        Pace {
            call_ms: call_ms.try_into().expect("it is checked"),
        }
    }
}

#[tokio::test]
async fn the_statements_move_the_pace_and_reckon_the_window_as_core_says() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    endpoint.events(&given, 1_200).await;
    let (mut pace, slots) = (Pace::UNKNOWN, 16);
    for heard_ms in [
        4_500, 4_500, 3_000, 900, 900, 7, 7, 7, 7, 7, 7, 7, 7, 1, 1, 1, 150,
    ] {
        assert_eq!(endpoint.pace(&given).await, pace);
        let relayed = relay(&given, slots).await.unwrap();
        assert_eq!(relayed.len(), pace.window(slots) as usize, "{pace:?}");
        let queue = if pace.is_slow() {
            Queue::CallbacksRetry
        } else {
            Queue::Callbacks
        };
        assert!(relayed.iter().all(|event| event.queue == queue), "{pace:?}");
        let claimed = endpoint.claim(&given, relayed[0].id).await.unwrap();
        // What was not called took no time, and says nothing.
        let uncalled = CallResult {
            has_failed: None,
            duration: Duration::ZERO,
            ..delivered(&claimed)
        };
        mark(&given, std::slice::from_ref(&uncalled)).await.unwrap();
        assert_eq!(endpoint.pace(&given).await, pace);
        let claimed = endpoint.claim(&given, relayed[1].id).await.unwrap();
        let called = CallResult {
            duration: Duration::from_millis(heard_ms),
            ..delivered(&claimed)
        };
        mark(&given, &[called, uncalled]).await.unwrap();
        pace = pace.on(heard_ms.try_into().unwrap());
        let back = "UPDATE callback_events SET due_at = carillon_now(), wait_reason = 'new',
            dispatched_at = NULL, lease_token = NULL, lease_until = NULL, completed_at = NULL,
            outcome = NULL, attempts = 0";
        given.database.execute(back).await;
    }
}

#[tokio::test]
async fn one_statement_takes_a_bounded_number_fairly_and_the_next_ones_the_rest() {
    let given = given().await;
    let fast = async || {
        let endpoint = endpoint(&given).await;
        endpoint.set(&given, "call_ms = 4").await;
        endpoint.events(&given, 900).await;
        endpoint
    };
    let mut endpoints = Vec::new();
    for _ in 0..8 {
        endpoints.push(fast().await);
    }
    let first = relay(&given, 16).await.unwrap();
    assert_eq!(first.len(), 5_000);
    let mut by_endpoint: BTreeMap<CallbackId, usize> = BTreeMap::new();
    for event in &first {
        *by_endpoint.entry(event.callback_id).or_default() += 1;
    }
    assert!(by_endpoint.values().all(|n| *n == 625), "{by_endpoint:?}");
    assert_eq!(relay(&given, 16).await.unwrap().len(), 8 * (832 - 625));
    assert!(relay(&given, 16).await.unwrap().is_empty());
}

#[tokio::test]
async fn several_pollers_fill_a_window_once_and_send_one_event_to_find_out() {
    let given = given().await;
    for (columns, n) in [("call_ms = 100", 100), ("n_failures = 5", 1)] {
        let endpoint = endpoint(&given).await;
        endpoint.set(&given, columns).await;
        endpoint.events(&given, 500).await;
        let rounds = futures::future::join_all((0..6).map(|_| relayed(&given)));
        let n_relayed: usize = rounds.await.iter().map(Vec::len).sum();
        assert_eq!(n_relayed, n, "{columns}");
        assert!(relayed(&given).await.is_empty(), "{columns}");
        given.database.execute("DELETE FROM callback_events").await;
    }
}

#[tokio::test]
async fn an_endpoint_that_somebody_holds_is_left_to_the_next_round() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    let ids = endpoint.events(&given, 1).await;
    let client = given.database.client().await;
    let hold = "BEGIN; SELECT 1 FROM service_callbacks FOR UPDATE";
    client.batch_execute(hold).await.unwrap();
    assert!(relayed(&given).await.is_empty());
    client.batch_execute("COMMIT").await.unwrap();
    assert_eq!(relayed(&given).await, ids);
}
