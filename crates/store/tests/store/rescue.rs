//! Rescue: proved by a lease or a watermark, never guessed from age.

use std::time::Duration;

use carillon_core::id::NotificationId;
use carillon_core::queue::Queue;
use carillon_core::receipt::ReceiptKind;
use carillon_store::notification::{self, mark, relay, rescue_fallen, rescue_lost};
use carillon_store::{health, watermark};

use crate::given::{Given, LEASE, accepted, given, receipt};

const GRACE: Duration = Duration::from_secs(90);

#[tokio::test]
async fn a_lease_that_ran_out_makes_the_row_due_and_the_late_result_changes_nothing() {
    let given = given().await;
    let id = given.on_its_way().await;
    let token = given.claimed(id).await;
    assert!(rescue_lost(&given, 48, 10).await.unwrap().is_empty());

    given
        .database
        .advance_clock(LEASE + Duration::from_secs(1))
        .await;
    assert_eq!(
        rescue_lost(&given, 48, 10).await.unwrap(),
        [Queue::SendEmail.as_str()]
    );
    assert_eq!(
        given.row(id).await,
        "created attempts=1 waits=lease-expired"
    );
    assert!(rescue_lost(&given, 48, 10).await.unwrap().is_empty());

    assert_eq!(
        mark(&given, &[accepted(id, token)], "worker")
            .await
            .unwrap()
            .n_late,
        1
    );
    assert_eq!(
        given.row(id).await,
        "created attempts=1 waits=lease-expired"
    );
    assert_eq!(relay(&given, 10).await.unwrap()[0].id, id);
    given.claimed(id).await;
    assert_eq!(
        given.timeline(id).await,
        [
            "accepted",
            "rescued lease-expired",
            "attempted-late stale-result"
        ]
    );
}

#[tokio::test]
async fn a_lost_row_that_a_receipt_has_moved_is_only_freed() {
    let given = given().await;
    let id = given.on_its_way().await;
    given.claimed(id).await;
    let proof = [receipt(id, ReceiptKind::Delivered, "e1")];
    notification::apply_receipts(&given, &proof).await.unwrap();
    given.database.advance_clock(LEASE * 2).await;
    assert_eq!(rescue_lost(&given, 48, 10).await.unwrap().len(), 1);
    let row = "delivered attempts=1 completed reference=reference-of-receipt";
    assert_eq!(given.row(id).await, row);
}

/// Records that a marker published now (by the database's clock) was taken out of the lane.
async fn marker_taken(given: &Given, queue: Queue) {
    let now = health::now(given).await.expect("PostgreSQL answers");
    watermark::record(given, queue, now)
        .await
        .expect("PostgreSQL answers");
}

async fn is_rescued(given: &Given, id: NotificationId) -> bool {
    rescue_fallen(given, GRACE, 100)
        .await
        .expect("PostgreSQL answers");
    given.row(id).await == "created attempts=0 waits=fell-out"
}

#[tokio::test]
async fn age_alone_rescues_nothing() {
    let given = given().await;
    let id = given.on_its_way().await;
    given
        .database
        .advance_clock(Duration::from_secs(1_000_000))
        .await;
    assert!(!is_rescued(&given, id).await);
    marker_taken(&given, Queue::SendSms).await;
    assert!(
        !is_rescued(&given, id).await,
        "another lane's marker proves nothing"
    );
}

#[tokio::test]
async fn a_row_behind_the_watermark_less_the_grace_is_rescued_once() {
    let given = given().await;
    let id = given.on_its_way().await;
    given
        .database
        .advance_clock(GRACE - Duration::from_secs(5))
        .await;
    marker_taken(&given, Queue::SendEmail).await;
    assert!(!is_rescued(&given, id).await, "a worker may still hold it");

    given.database.advance_clock(Duration::from_secs(10)).await;
    assert!(
        !is_rescued(&given, id).await,
        "the marker is as old as before"
    );
    marker_taken(&given, Queue::SendEmail).await;
    assert_eq!(
        rescue_fallen(&given, GRACE, 100).await.unwrap(),
        [Queue::SendEmail.as_str()]
    );
    assert!(rescue_fallen(&given, GRACE, 100).await.unwrap().is_empty());
    assert_eq!(given.row(id).await, "created attempts=0 waits=fell-out");
    assert_eq!(given.timeline(id).await, ["accepted", "rescued fell-out"]);
    assert_eq!(relay(&given, 10).await.unwrap()[0].queue, Queue::SendEmail);
}

#[tokio::test]
async fn a_row_newer_than_the_watermark_is_never_rescued() {
    let given = given().await;
    marker_taken(&given, Queue::SendEmail).await;
    let id = given.on_its_way().await;
    given.database.advance_clock(GRACE * 100).await;
    assert!(!is_rescued(&given, id).await);
}

#[tokio::test]
async fn a_row_that_was_relayed_again_counts_from_then() {
    let given = given().await;
    let id = given.on_its_way().await;
    given.database.advance_clock(GRACE * 2).await;
    let wait = Duration::ZERO;
    let reason = carillon_core::reason::Reason::GivenBack;
    notification::hold(&given, &[id], reason, wait, "worker")
        .await
        .unwrap();
    relay(&given, 10).await.unwrap();
    marker_taken(&given, Queue::SendEmail).await;
    assert!(!is_rescued(&given, id).await);
}

#[tokio::test]
async fn what_is_leased_or_with_a_provider_has_not_fallen_out() {
    let given = given().await;
    let leased = given.on_its_way().await;
    given.claimed(leased).await;
    let sending = given.sending().await;
    given.database.advance_clock(GRACE * 2).await;
    marker_taken(&given, Queue::SendEmail).await;
    assert!(rescue_fallen(&given, GRACE, 100).await.unwrap().is_empty());
    assert!(given.row(leased).await.contains("leased"));
    assert!(given.row(sending).await.starts_with("sending"));
}

#[tokio::test]
async fn a_watermark_never_moves_back() {
    let given = given().await;
    let now = health::now(&given).await.unwrap();
    watermark::record(&given, Queue::Retry, now).await.unwrap();
    let earlier = now - chrono::Duration::seconds(60);
    watermark::record(&given, Queue::Retry, earlier)
        .await
        .unwrap();
    let age = "SELECT (extract(epoch FROM carillon_now() - published_at) < 50)::int::bigint \
               FROM lane_watermarks WHERE queue = 'retry'";
    assert_eq!(given.database.number(age).await, 1);
}
