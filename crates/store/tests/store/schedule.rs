//! Slots elect whoever runs a scheduled task.

use std::time::Duration;

use carillon_store::{health, schedule};
use futures::future::try_join_all;

use crate::given::given;

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_want_a_slot_one_gets_it() {
    let given = given().await;
    let slot = health::now(&given).await.unwrap();
    let takers = (0..10).map(|_| schedule::take(&given, "tidy", slot));
    let taken = try_join_all(takers).await.unwrap();
    assert_eq!(taken.into_iter().filter(|got| *got).count(), 1);
    assert!(schedule::take(&given, "other", slot).await.unwrap());
    let next = slot + chrono::Duration::hours(1);
    assert!(schedule::take(&given, "tidy", next).await.unwrap());
}

#[tokio::test]
async fn a_slot_whose_taker_vanished_is_taken_once_more_and_a_finished_one_is_not() {
    let given = given().await;
    let slot = health::now(&given).await.unwrap();
    assert!(schedule::take(&given, "tidy", slot).await.unwrap());
    given
        .database
        .advance_clock(Duration::from_secs(9 * 60))
        .await;
    assert!(!schedule::take(&given, "tidy", slot).await.unwrap());
    given
        .database
        .advance_clock(Duration::from_secs(2 * 60))
        .await;
    let takers = (0..5).map(|_| schedule::take(&given, "tidy", slot));
    let taken = try_join_all(takers).await.unwrap();
    assert_eq!(taken.into_iter().filter(|got| *got).count(), 1);

    schedule::finish(&given, "tidy", slot).await.unwrap();
    given
        .database
        .advance_clock(Duration::from_secs(3_600))
        .await;
    assert!(!schedule::take(&given, "tidy", slot).await.unwrap());
}

#[tokio::test]
async fn old_slots_are_forgotten() {
    let given = given().await;
    let slot = health::now(&given).await.unwrap();
    schedule::take(&given, "tidy", slot).await.unwrap();
    assert_eq!(schedule::forget_old(&given).await.unwrap(), 0);
    given
        .database
        .advance_clock(Duration::from_secs(31 * 86_400))
        .await;
    assert_eq!(schedule::forget_old(&given).await.unwrap(), 1);
}

#[tokio::test]
async fn the_database_s_clock_moves_with_its_offset() {
    let given = given().await;
    let before = health::now(&given).await.unwrap();
    given
        .database
        .advance_clock(Duration::from_secs(3_600))
        .await;
    given.database.advance_clock(Duration::from_secs(60)).await;
    let moved = health::now(&given).await.unwrap() - before;
    assert!((3_660..3_680).contains(&moved.num_seconds()), "{moved}");
}
