//! Events that nobody wants to hear, or of which nothing is left to tell.

use std::time::Duration;

use carillon_core::webhook::CallWait;
use carillon_store::callback::{drop_unwanted, hold, mark, relay, rescue_lost};

use super::{Endpoint, delivered, endpoint, failed, gone, relayed, state};
use crate::given::{Given, LEASE, given};

#[tokio::test]
async fn gone_ends_the_callback_and_all_that_waits_for_it() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    let ids = endpoint.events(&given, 6).await;
    let relayed = relay(&given, 1).await.unwrap();
    let claimed = endpoint.claim(&given, relayed[0].id).await.unwrap();
    mark(&given, &[gone(&claimed)]).await.unwrap();
    assert_eq!(endpoint.state(&given).await, "gone failures=0");
    // On its way: completed instead of called.
    for event in &relayed[1..] {
        assert!(endpoint.claim(&given, event.id).await.is_none());
    }
    // Waiting: never relayed, and swept.
    assert!(relay(&given, 1).await.unwrap().is_empty());
    assert_eq!(drop_unwanted(&given, 10).await.unwrap(), 2);
    assert_eq!(drop_unwanted(&given, 10).await.unwrap(), 0);
    for id in ids {
        assert!(state(&given, id).await.starts_with("disabled attempts="));
    }
}

#[tokio::test]
async fn nothing_is_told_to_a_service_that_is_not_active() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    let id = endpoint.on_its_way(&given).await;
    let suspend = format!(
        "UPDATE services SET active = false
         WHERE id = (SELECT service_id FROM service_callbacks WHERE id = '{}')",
        endpoint.id
    );
    given.database.execute(&suspend).await;
    assert!(endpoint.claim(&given, id).await.is_none());
    assert_eq!(state(&given, id).await, "disabled attempts=0 callbacks");
}

async fn remove(given: &Given, endpoint: &Endpoint) {
    let delete = format!("DELETE FROM service_callbacks WHERE id = '{}'", endpoint.id);
    given.database.execute(&delete).await;
}

#[tokio::test]
async fn what_a_removed_callback_waits_for_is_swept_however_it_came_to_wait() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    let held = endpoint.on_its_way(&given).await;
    let lost = endpoint.claimed(&given).await.0.id;
    let written = endpoint.events(&given, 3).await;
    remove(&given, &endpoint).await;
    // A worker that vanished, and one that gave back what it had not started.
    let one_second = Duration::from_secs(1);
    hold(&given, &[held], CallWait::GivenBack, one_second)
        .await
        .unwrap();
    given.database.advance_clock(LEASE * 2).await;
    assert_eq!(rescue_lost(&given, 10).await.unwrap().len(), 1);
    assert!(relayed(&given).await.is_empty());
    assert_eq!(drop_unwanted(&given, 4).await.unwrap(), 4);
    assert_eq!(drop_unwanted(&given, 4).await.unwrap(), 1);
    for id in written.into_iter().chain([held, lost]) {
        let state = state(&given, id).await;
        assert!(state.starts_with("disabled attempts="), "{state}");
    }
}

#[tokio::test]
async fn a_call_during_which_its_callback_was_removed_is_the_last() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    let (one, other) = (
        endpoint.claimed(&given).await,
        endpoint.claimed(&given).await,
    );
    remove(&given, &endpoint).await;
    mark(&given, &[failed(&one), delivered(&other)])
        .await
        .unwrap();
    assert_eq!(
        state(&given, one.0.id).await,
        "disabled attempts=1 callbacks status=503"
    );
    assert_eq!(
        state(&given, other.0.id).await,
        "delivered attempts=1 callbacks status=204"
    );
}

#[tokio::test]
async fn an_event_whose_message_is_no_longer_kept_is_completed_and_not_claimed_for_ever() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    let id = endpoint.on_its_way(&given).await;
    let delete = format!(
        "DELETE FROM notifications WHERE id = '{}'",
        endpoint.notification_id
    );
    given.database.execute(&delete).await;
    assert!(endpoint.claim(&given, id).await.is_none());
    assert_eq!(
        state(&given, id).await,
        "disabled attempts=0 callbacks error=the message is no longer kept"
    );
}
