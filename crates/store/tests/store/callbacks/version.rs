//! What an earlier beginning of a callback is answered says nothing of the one that there is now.

use carillon_core::id::ServiceId;
use carillon_store::callback::management::{Changes, update};
use carillon_store::callback::{CallResult, mark, relay};

use super::{Endpoint, delivered, endpoint, failed, gone, relayed, state};
use crate::given::{Given, given};

/// Another URL for an endpoint, by the way people give it.
async fn begin_anew(given: &Given, endpoint: &Endpoint) {
    let query = format!(
        "SELECT service_id::text FROM service_callbacks WHERE id = '{}'",
        endpoint.id
    );
    let client = given.database.client().await;
    let row = client.query_one(&query, &[]).await.expect("it is there");
    let service_id: ServiceId = row.get::<_, &str>(0).parse().expect("a UUID");
    let changes = Changes {
        url: Some("https://example.org/new".to_owned()),
        ..Changes::default()
    };
    let callback = update(given, service_id, endpoint.id, &changes).await;
    assert_eq!(
        callback.expect("it is there").url,
        "https://example.org/new"
    );
}

#[tokio::test]
async fn a_410_of_the_old_url_does_not_end_the_new_one_and_the_event_is_told_there() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    let claimed = endpoint.claimed(&given).await;
    begin_anew(&given, &endpoint).await;
    mark(&given, &[gone(&claimed)]).await.unwrap();
    assert_eq!(endpoint.state(&given).await, "active failures=0");
    assert_eq!(
        state(&given, claimed.0.id).await,
        "attempts=1 callbacks waits=retry for=0 status=410"
    );
    assert_eq!(relayed(&given).await, [claimed.0.id]);
    let again = endpoint.claim(&given, claimed.0.id).await.unwrap();
    assert_eq!(again.0.url, "https://example.org/new");
    mark(&given, &[gone(&again)]).await.unwrap();
    assert_eq!(endpoint.state(&given).await, "gone failures=0");
}

#[tokio::test]
async fn failures_and_answers_of_the_old_url_do_not_move_the_breaker_of_the_new_one() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    endpoint.events(&given, 8).await;
    let mut old = Vec::new();
    for event in relay(&given, 2).await.unwrap() {
        old.push(endpoint.claim(&given, event.id).await.unwrap());
    }
    begin_anew(&given, &endpoint).await;
    let failures: Vec<_> = old[..7].iter().map(failed).collect();
    mark(&given, &failures).await.unwrap();
    assert_eq!(endpoint.state(&given).await, "active failures=0");

    let new = endpoint.claimed(&given).await;
    let of_both = [
        failed(&new),
        CallResult {
            attempt: 2,
            ..delivered(&old[7])
        },
    ];
    mark(&given, &of_both).await.unwrap();
    assert_eq!(endpoint.state(&given).await, "active failures=1");
}
