//! Receipts are sent until the API has them.

use super::stage::Stage;

#[actix_web::test]
async fn a_receipt_is_repeated_unchanged_until_it_is_confirmed() {
    let mut stage = Stage::answering(&[500, 429, 408, 204]);
    stage.accept("amala@example.com").await;
    let (_, first) = stage.inbox.next().await;
    for _ in 0..3 {
        assert_eq!(stage.inbox.next().await.1, first);
    }
    stage
        .until(|stats| stats.receipts_sent == 1 && stats.receipts_pending == 0)
        .await;
    assert!(stage.inbox.is_empty());
}

#[actix_web::test]
async fn a_receipt_that_is_refused_for_good_is_dropped_and_the_script_goes_on() {
    let mut stage = Stage::answering(&[404]);
    stage.accept("complaint@simulator.notify").await;
    let (_, first) = stage.inbox.next().await;
    let (_, second) = stage.inbox.next().await;
    assert_ne!(first.event_id, second.event_id);
    stage.until(|stats| stats.receipts_pending == 0).await;
    assert_eq!(stage.sandbox.stats().receipts_sent, 1);
}

#[actix_web::test]
async fn a_trial_is_taken_and_never_reported_not_even_after_a_restart() {
    let mut before = Stage::new();
    before.try_out("complaint@simulator.notify").await;
    let mut after = Stage::restarted_from(&before);
    for stage in [&mut before, &mut after] {
        let stats = stage.sandbox.stats();
        assert_eq!((stats.accepted, stats.receipts_pending), (1, 0));
        // Receipts come in the order in which they are due.
        let (id, _) = stage.accept("amala@example.com").await;
        let (_, first) = stage.inbox.next().await;
        assert_eq!(first.notification_id, Some(id));
    }
    assert_eq!(before.get("/messages").await["messages"][1]["trial"], true);
}

#[actix_web::test]
async fn many_receipts_all_arrive_when_the_api_fails_for_a_while() {
    let mut stage = Stage::answering(&[503; 6]);
    for _ in 0..80 {
        stage.accept("amala@example.com").await;
    }
    let mut events = std::collections::BTreeSet::new();
    while events.len() < 80 {
        events.insert(stage.inbox.next().await.1.event_id);
    }
    stage
        .until(|stats| stats.receipts_sent == 80 && stats.receipts_pending == 0)
        .await;
}

#[test]
fn a_callback_url_must_be_http() {
    use crate::receipts::Callback;
    for url in ["", "callbacks/sandbox", "ftp://127.0.0.1/"] {
        assert!(Callback::new(url, b"key").is_err(), "{url:?}");
    }
}
