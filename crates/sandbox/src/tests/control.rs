//! What can be changed while it runs.

use std::time::Duration;

use carillon_core::attempt::{Blame, Outcome};
use carillon_core::id::NotificationId;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::stage::Stage;

#[actix_web::test]
async fn a_caller_that_obeys_the_throttle_converges_to_its_rate() {
    let stage = Stage::new();
    stage.change(json!({"throttle_per_second": 100})).await;
    let (started, mut n_accepted, mut n_throttled) = (Instant::now(), 0_u32, 0_u32);
    while n_accepted < 70 {
        match stage
            .send(NotificationId::mint(), "amala@example.com")
            .await
        {
            Outcome::Accepted { .. } => n_accepted += 1,
            Outcome::Throttled { after } => {
                assert!(after <= Duration::from_millis(10), "{after:?}");
                n_throttled += 1;
                // The throttle's wait is what is tested here.
                sleep(after).await;
            }
            outcome => panic!("{outcome:?}"),
        }
    }
    // 10 at once, then 60 at 100 per second.
    assert!(
        started.elapsed() > Duration::from_millis(590),
        "{:?}",
        started.elapsed()
    );
    let stats = stage.sandbox.stats();
    assert_eq!(
        (stats.accepted, stats.calls),
        (70, 70 + u64::from(n_throttled))
    );
}

#[actix_web::test]
async fn everything_can_be_made_to_fail_and_back() {
    let stage = Stage::new();
    let id = NotificationId::mint();
    let changed = stage.change(json!({"fail_all": true})).await;
    let expected = json!({
        "throttle_per_second": 0, "receipt_delay_ms": 0, "fail_all": true, "hold_receipts": false,
    });
    assert_eq!(changed, expected);
    assert_eq!(stage.get("/control").await, expected);
    let outcome = stage.send(id, "amala@example.com").await;
    assert_eq!(
        outcome,
        Outcome::Failed {
            detail: "status 503".into(),
            blame: Blame::Provider,
        }
    );
    stage.change(json!({"fail_all": false})).await;
    let outcome = stage.send(id, "amala@example.com").await;
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
}

#[actix_web::test]
async fn held_receipts_wait_until_they_are_let_go() {
    let mut stage = Stage::new();
    stage.change(json!({"hold_receipts": true})).await;
    let (id, _) = stage.accept("amala@example.com").await;
    assert_eq!(stage.get("/stats").await["receipts_pending"], 1);
    assert!(stage.inbox.is_empty());
    stage.change(json!({"hold_receipts": false})).await;
    assert_eq!(stage.inbox.next().await.1.notification_id, Some(id));
}

#[actix_web::test]
async fn faults_happen_to_everyone_until_they_are_lifted_and_the_log_names_them() {
    let mut stage = Stage::new();
    let faults = json!({"seed": 1, "percent": {"reset_after_accept": 100.0}});
    stage.put("/faults", faults, 200).await;
    let id = NotificationId::mint();
    let outcome = stage.send(id, "amala@example.com").await;
    assert!(matches!(outcome, Outcome::Ambiguous { .. }), "{outcome:?}");
    // It was taken nevertheless.
    assert_eq!(stage.inbox.next().await.1.notification_id, Some(id));
    let too_many = json!({"percent": {"fail": 60.0, "throttle": 60.0}});
    stage.put("/faults", too_many, 400).await;
    let shown = stage.get("/faults").await;
    assert_eq!(shown["percent"]["reset_after_accept"], 100.0, "{shown}");

    stage.put("/faults", json!({}), 200).await;
    let outcome = stage.send(id, "amala@example.com").await;
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    let calls = stage.get(&format!("/calls?id={id}")).await;
    let met = [0, 1].map(|n| calls["calls"][n]["fault"].clone());
    assert_eq!(met, [json!("reset-after-accept"), json!(null)]);
}
