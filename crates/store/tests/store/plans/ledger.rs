//! Plans of the ledger: it reads minutes of the primary key, beside the hot path.

use super::Plans;

#[tokio::test]
async fn a_minute_is_counted_by_its_range_of_the_primary_key() {
    let plans = Plans::new().await;
    let (low, high) = (plans.id(7001).await, plans.id(7900).await);
    plans
        .assert_pruned(
            "count",
            include_str!("../../../src/ledger/count.sql"),
            "text[], uuid, uuid",
            &format!("'{{delivered,sent}}', {low}, {high}"),
        )
        .await;
    plans
        .assert_pruned(
            "first_saved",
            include_str!("../../../src/ledger/first_saved.sql"),
            "uuid, uuid",
            &format!("{low}, {high}"),
        )
        .await;
}

#[tokio::test]
async fn minutes_with_rows_are_found_without_reading_them() {
    let plans = Plans::new().await;
    // All of the day's rows lie within one of these minutes, so that one row of it is read.
    let one_o_clock = "date_trunc('day', now(), 'UTC') + interval '1 hour'";
    plans
        .assert_pruned(
            "minutes",
            include_str!("../../../src/ledger/minutes.sql"),
            "timestamptz, timestamptz, bigint",
            &format!(
                "{one_o_clock} - interval '10 minutes', {one_o_clock} + interval '10 minutes', 100"
            ),
        )
        .await;
}
