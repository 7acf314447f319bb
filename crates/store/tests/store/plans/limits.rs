//! What a brake held is found among thousands of messages.

use super::{Plans, assert_by_index};

#[tokio::test]
async fn what_a_brake_held_is_found_by_the_index_of_what_waits() {
    let plans = Plans::new().await;
    let hold = "UPDATE notifications SET due_at = now() + interval '100 days', wait_reason = 'bounce-brake' \
        WHERE due_at IS NOT NULL AND right(id::text, 1) < '4'";
    plans.given.database.execute(hold).await;
    let release = include_str!("../../../src/limits/release_rows.sql");
    let service = "'00000000-0000-0000-0000-000000000007'::uuid";
    let values = format!("{service}, 'bounce-brake', 1000");
    let scans = plans.scans(release, "uuid, text, bigint", &values).await;
    assert_by_index("release_rows", &scans);
}
