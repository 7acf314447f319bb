//! Events that are in no queue any more.

use std::time::Duration;

use carillon_core::queue::Queue;
use carillon_store::callback::rescue_fallen;
use carillon_store::{health, watermark};

use super::{endpoint, state};
use crate::given::given;

const GRACE: Duration = Duration::from_secs(90);

#[tokio::test]
async fn an_event_behind_its_lane_s_watermark_less_the_grace_is_rescued_once() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    let id = endpoint.on_its_way(&given).await;
    given
        .database
        .advance_clock(GRACE - Duration::from_secs(5))
        .await;
    let now = health::now(&given).await.unwrap();
    watermark::record(&given, Queue::Callbacks, now)
        .await
        .unwrap();
    assert!(rescue_fallen(&given, GRACE, 10).await.unwrap().is_empty());
    given.database.advance_clock(Duration::from_secs(10)).await;
    let now = health::now(&given).await.unwrap();
    watermark::record(&given, Queue::CallbacksRetry, now)
        .await
        .unwrap();
    assert!(rescue_fallen(&given, GRACE, 10).await.unwrap().is_empty());
    watermark::record(&given, Queue::Callbacks, now)
        .await
        .unwrap();
    assert_eq!(
        rescue_fallen(&given, GRACE, 10).await.unwrap(),
        ["callbacks"]
    );
    assert!(rescue_fallen(&given, GRACE, 10).await.unwrap().is_empty());
    assert_eq!(
        state(&given, id).await,
        "attempts=0 callbacks waits=fell-out for=0"
    );
}
